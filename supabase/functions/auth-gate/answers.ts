/** Answers of the gate's own in the auth server's words, which supabase-js reads as if the auth server had given them. */

export const API_VERSION = { 'x-supabase-api-version': '2024-01-01' };

/** The auth server's refusal `code` (auth-js, lib/error-codes). */
export function authRefusal(status: number, code: string, message: string): Response {
    return Response.json({ code, message }, { status, headers: { 'x-sb-error-code': code, ...API_VERSION } });
}
