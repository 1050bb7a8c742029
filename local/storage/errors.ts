// The storage server's refusals: one catalogue, one factory, one rendering. Knows nothing of what is refused where.
import postgres from 'postgres';

type Entry = { status: number; message: string; error?: string; http?: number; code?: string };

/**
 * Each code with the status it means, its sentence, and the older `error` word where that differs from the code.
 * `http` is set only where the status line does not follow the rule of {@link StorageError.http}, `code` only where one
 * published code has two meanings.
 */
const catalogue = {
    NoSuchBucket: { status: 404, message: 'Bucket not found', error: 'Bucket not found' },
    NoSuchKey: { status: 404, message: 'Object not found', error: 'not_found' },
    RelatedResourceNotFound: {
        status: 404,
        message: 'The related resource does not exist',
        code: 'InvalidRequest'
    },
    ResourceAlreadyExists: { status: 409, message: 'The resource already exists', error: 'Duplicate' },
    KeyAlreadyExists: { status: 409, message: 'The resource already exists', error: 'Duplicate' },
    BucketAlreadyExists: { status: 409, message: 'The resource already exists', error: 'Duplicate' },
    ResourceNotEmpty: { status: 409, message: 'The bucket you tried to delete is not empty' },
    ResourceReferenced: {
        status: 409,
        message: 'The resource could not be updated or removed due to a foreign key constraint'
    },
    FeatureNotEnabled: { status: 409, message: 'This feature is not enabled for this resource' },
    AccessDenied: { status: 403, message: 'Access denied', error: 'Unauthorized' },
    WrongRole: {
        status: 403,
        message: 'Access denied: Invalid role',
        error: 'Unauthorized',
        http: 403,
        code: 'AccessDenied'
    },
    InvalidJWT: { status: 400, message: 'Invalid JWT' },
    InvalidSignature: { status: 400, message: 'Invalid signature' },
    InvalidRequest: { status: 400, message: 'Invalid Request' },
    InvalidParameter: { status: 400, message: 'Invalid Parameter' },
    InvalidKey: { status: 400, message: 'Invalid key' },
    InvalidBucketName: { status: 400, message: 'Bucket name invalid', error: 'Invalid Input' },
    InvalidMimeType: { status: 415, message: 'mime type is not supported', error: 'invalid_mime_type' },
    InvalidRange: { status: 416, message: 'invalid range provided', error: 'invalid_range', http: 416 },
    EntityTooLarge: {
        status: 413,
        message: 'The object exceeded the maximum allowed size',
        error: 'Payload too large'
    },
    ResourceLocked: { status: 423, message: 'The resource is locked' },
    DatabaseTimeout: { status: 544, message: 'The connection to the database timed out', http: 544 },
    DatabaseReadOnly: { status: 503, message: 'The database is currently in read-only mode.' },
    DatabaseSchemaMismatch: {
        status: 503,
        message: 'There is a database schema mismatch in a trigger or RLS policy'
    },
    DatabaseInvalidObjectDefinition: {
        status: 503,
        message: 'The database schema is invalid or incompatible.'
    },
    DatabaseError: { status: 500, message: 'database error' },
    InternalError: { status: 500, message: 'Internal server error' },
    NotImplemented: {
        status: 501,
        message: 'The embedded storage server does not have this call.',
        http: 501
    }
} satisfies Record<string, Entry>;

export type StorageErrorCode = keyof typeof catalogue;

/** A refusal with a stable code. Made by {@link refusal} only. */
export class StorageError extends Error {
    readonly code: StorageErrorCode;
    readonly entry: Entry;

    constructor(code: StorageErrorCode, message: string, cause?: unknown) {
        super(message, { cause });
        this.code = code;
        this.entry = catalogue[code];
    }

    /** The status line: 400 for nearly every refusal, whatever `statusCode` in the body says; 500 stays 500. */
    get http(): number {
        return this.entry.http ?? (this.entry.status === 500 ? 500 : 400);
    }

    /** The published body of a refusal; `statusCode` is text. */
    body(): { statusCode: string; error: string; message: string; code: string } {
        const code = this.entry.code ?? this.code;
        return {
            statusCode: String(this.entry.status),
            error: this.entry.error ?? code,
            message: this.message,
            code
        };
    }
}

/** The only way to make a refusal; `message` replaces the catalogue's sentence. */
export function refusal(code: StorageErrorCode, message?: string, cause?: unknown): StorageError {
    return new StorageError(code, message ?? catalogue[code].message, cause);
}

/** What the database said, as a refusal of this server. Anything that is no statement's error is our own failure. */
export function refusalFrom(error: unknown): StorageError {
    if (error instanceof StorageError) return error;
    if (!(error instanceof postgres.PostgresError)) return refusal('InternalError', undefined, error);
    switch (error.code) {
        case '42501':
            return refusal(
                'AccessDenied',
                error.message.includes('row-level security')
                    ? 'new row violates row-level security policy'
                    : error.message,
                error
            );
        case '23505':
            return refusal('ResourceAlreadyExists', undefined, error);
        case '23503':
            return refusal(
                error.detail?.includes('is still referenced from table')
                    ? 'ResourceReferenced'
                    : 'RelatedResourceNotFound',
                undefined,
                error
            );
        case '55P03':
            return refusal('ResourceLocked', undefined, error);
        case '57014':
            return refusal('DatabaseTimeout', undefined, error);
        case '25006':
            return refusal('DatabaseReadOnly', undefined, error);
        case '42P17':
            return refusal('DatabaseInvalidObjectDefinition', undefined, error);
        case '22P02':
            return refusal('InvalidParameter', error.message, error);
        case '42703':
        case '42P01':
            return refusal('DatabaseSchemaMismatch', undefined, error);
        default:
            return refusal('DatabaseError', `database error, code: ${error.code}`, error);
    }
}
