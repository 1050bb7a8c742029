/**
 * Somebody whom their business signs in has no way in of their own beside that: a passkey, a password or another address would
 * go on letting them in when their business no longer does.
 */
import { authRefusal } from './answers.ts';
import { fieldsOf } from './attempts.ts';
import type { Body, Visit } from './visit.ts';

/** The body as it came, or the auth server's own refusal of what such a person may not change. */
export function asManaged(body: Body, { call, path, person }: Visit): Promise<Body | Response> {
    const { email, password } = fieldsOf(new TextDecoder().decode(body ?? new Uint8Array()));
    const [name = ''] = path.split('?');
    const addsWay =
        name.startsWith('passkeys/registration/') ||
        (name === 'user' && call.request.method === 'PUT' && (email ?? password) !== undefined);
    return Promise.resolve(
        person?.isManaged && addsWay
            ? authRefusal(422, 'user_sso_managed', 'Their business signs this person in')
            : body
    );
}
