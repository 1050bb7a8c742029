// The session that a visitor's cookie holds, read and written as a browser's owner or a thief could.
import type { Visitor } from './visitor.ts';

export type Tokens = {
    access_token: string;
    refresh_token: string;
    expires_at: number;
    expires_in: number;
    token_type: string;
};

/** What the visitor's cookie holds. */
export function tokensOf(visitor: Visitor): Tokens {
    const cookie = visitor.cookies.get('__Host-tf') ?? '';
    return JSON.parse(Buffer.from(cookie.slice('base64-'.length), 'base64url').toString()) as Tokens;
}

/** The cookie's value for these tokens. */
export function cookieOf(tokens: Tokens): string {
    return `base64-${Buffer.from(JSON.stringify(tokens)).toString('base64url')}`;
}

/** The session that a token says it belongs to. */
export function sessionIn(accessToken: string): string {
    const claims = Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString();
    return (JSON.parse(claims) as { session_id: string }).session_id;
}
