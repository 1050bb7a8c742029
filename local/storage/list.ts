// Listing objects as folders and files. Folders are no rows: a name's segments make them. Both listings run as the
// caller, so what policies hide is not there, and a folder with nothing visible in it is not there either.
import { z } from 'zod';
import { refusal } from './errors.ts';
import { readJson } from './input.ts';
import type { Metadata } from './objects.ts';
import { asCaller, type Act } from './rls.ts';

const Order = z.enum(['asc', 'desc']);
const List = z.object({
    prefix: z.string(),
    limit: z.number().int().min(1).default(100),
    offset: z.number().int().min(0).default(0),
    search: z.string().default(''),
    sortBy: z
        .object({
            column: z.enum(['name', 'updated_at', 'created_at', 'last_accessed_at']).default('name'),
            order: Order.default('asc')
        })
        .default({ column: 'name', order: 'asc' })
});
const ListV2 = z.object({
    prefix: z.string().default(''),
    limit: z.number().int().min(1).default(1000),
    cursor: z.string().optional(),
    with_delimiter: z.boolean().default(false),
    sortBy: z
        .object({ column: z.enum(['name', 'updated_at', 'created_at']), order: Order.default('asc') })
        .default({ column: 'name', order: 'asc' })
});
/** Where a page ended: the order it was in, the last entry's time (unless by name) and its full name. */
const Cursor = z.object({
    column: z.enum(['name', 'updated_at', 'created_at']),
    order: Order,
    at: z.string().nullable(),
    name: z.string()
});

type Entry = {
    name: string;
    id: string | null;
    updated_at: Date | null;
    created_at: Date | null;
    last_accessed_at: Date | null;
    metadata: Metadata | null;
};

/** One level under a prefix, names relative to it; a search narrows by the beginning of the name, in any case. */
export async function list(act: Act, bucket: string): Promise<Entry[]> {
    const { limit, offset, search, sortBy, ...input } = await readJson(act.request, List);
    const prefix = input.prefix === '' || input.prefix.endsWith('/') ? input.prefix : `${input.prefix}/`;
    // A search may itself reach some folders down.
    const depth = search.split('/').length;
    return asCaller(
        act,
        (tx) => tx<Entry[]>`
            with objects as (
                select *, string_to_array(substr(name, ${prefix.length + 1}), '/') as segments
                from storage.objects
                where bucket_id = ${bucket}
                    and starts_with(lower(name), lower(${prefix + search}))
            ),
            entries as (
                select
                    array_to_string(segments[1:${depth}], '/') as name,
                    null::uuid as id,
                    null::timestamptz as updated_at,
                    null::timestamptz as created_at,
                    null::timestamptz as last_accessed_at,
                    null::jsonb as metadata
                from objects
                where cardinality(segments) > ${depth}
                group by 1
                union all
                select array_to_string(segments, '/'), id, updated_at, created_at, last_accessed_at, metadata
                from objects
                where cardinality(segments) = ${depth}
            )
            select *
            from entries
            order by
                ${sortBy.column === 'name' ? tx`` : tx`id is null desc, ${tx(sortBy.column)} ${direction(sortBy.order)},`}
                lower(name) collate "C" ${direction(sortBy.order)}
            limit ${Math.min(limit, 1500)}
            offset ${offset}
        `
    );

    function direction(order: 'asc' | 'desc') {
        return order === 'desc' ? act.sql`desc` : act.sql`asc`;
    }
}

/** A page of full names, with folders (ending in "/") when asked for, and a cursor to the next page. */
export async function listV2(act: Act, bucket: string) {
    const input = await readJson(act.request, ListV2);
    const cursor = input.cursor === undefined ? undefined : decodeCursor(input.cursor);
    const { column, order } = cursor ?? input.sortBy;
    const limit = Math.min(input.limit, 1000);
    const direction = order === 'desc' ? act.sql`desc` : act.sql`asc`;
    const beyond = order === 'desc' ? act.sql`<` : act.sql`>`;
    const rows = await asCaller(act, (tx) => {
        // A folder has no time of its own; it sorts before every file.
        const time = column === 'name' ? tx`'epoch'::timestamptz` : tx`coalesce(${tx(column)}, 'epoch')`;
        return tx<(Entry & { at: string })[]>`
            with objects as (
                select *, position('/' in substr(name, ${input.prefix.length + 1})) as slash
                from storage.objects
                where bucket_id = ${bucket}
                    and starts_with(name, ${input.prefix})
            ),
            entries as (
                select
                    left(name, ${input.prefix.length} + slash) as name,
                    null::uuid as id,
                    null::timestamptz as updated_at,
                    null::timestamptz as created_at,
                    null::timestamptz as last_accessed_at,
                    null::jsonb as metadata
                from objects
                where slash > 0
                    and ${input.with_delimiter}
                group by 1
                union all
                select name, id, updated_at, created_at, last_accessed_at, metadata
                from objects
                where slash = 0
                    or not ${input.with_delimiter}
            )
            select *, ${time}::text as at
            from entries
            where ${
                cursor
                    ? tx`(${time}, name collate "C") ${beyond} (${cursor.at ?? 'epoch'}::text::timestamptz, ${cursor.name})`
                    : tx`true`
            }
            order by ${time} ${direction}, name collate "C" ${direction}
            limit ${limit + 1}
        `;
    });
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    const hasNext = rows.length > limit;
    return {
        hasNext,
        ...(hasNext && last
            ? {
                  nextCursor: encodeCursor({ column, order, at: last.at, name: last.name }),
                  nextCursorKey: last.name
              }
            : {}),
        folders: page.filter((row) => row.id === null).map(({ name }) => ({ name, key: name })),
        objects: page
            .filter((row) => row.id !== null)
            .map(({ at: _at, ...row }) => ({ ...row, key: row.name }))
    };
}

function encodeCursor(cursor: z.infer<typeof Cursor>): string {
    return Buffer.from(JSON.stringify(cursor)).toString('base64url');
}

function decodeCursor(text: string): z.infer<typeof Cursor> {
    try {
        return Cursor.parse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')));
    } catch (error) {
        throw refusal('InvalidParameter', 'Invalid Parameter continuation token', error);
    }
}
