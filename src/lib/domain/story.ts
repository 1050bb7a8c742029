// The audit trail as a person would tell it: one sentence an act, and its changed fields in words.
// Reads records as they are stored; an act that has no sentence yet is told plainly, never left out, and whatever
// stands in a record, telling it never throws.
import { jobStateLabel, JOB_STATES } from './lifecycle.ts';
import { sentenceCase, type Fields, type Names } from './story-fields.ts';
import { SENTENCES } from './story-sentences.ts';

export { changeInWords, changesOf, type Change } from './story-fields.ts';

/** Every kind of actor that the log knows. */
export const ACTOR_KINDS = [
    'person',
    'customer',
    'partner',
    'api_key',
    'platform_owner',
    'webhook',
    'worker',
    'system'
] as const;

export type ActorKind = (typeof ACTOR_KINDS)[number];

/** What became of an act. */
export const RESULTS = ['ok', 'refused', 'failed'] as const;

export type ActResult = (typeof RESULTS)[number];

export type ActRecord = {
    readonly action: string;
    readonly result?: ActResult;
    readonly entity: string;
    readonly before: Fields;
    readonly after: Fields;
    readonly detail: Fields;
    /** Names of fields whose values were erased. */
    readonly erased?: readonly string[];
    /** What ids among the values stand for. */
    readonly names?: Names;
    readonly actor_kind: ActorKind;
    readonly actor_name: string | null;
};

/** Who acted, as the sentence begins. */
export function actorOf(record: Pick<ActRecord, 'actor_kind' | 'actor_name' | 'erased'>): string {
    if (record.actor_name === null && record.erased?.includes('@actor')) return 'Somebody (name erased)';
    switch (record.actor_kind) {
        case 'person':
            return record.actor_name ?? 'Somebody who has left';
        case 'customer':
            return record.actor_name ?? 'The customer';
        case 'partner':
            return record.actor_name ?? 'A partner';
        case 'api_key':
            return record.actor_name === null ? 'An API key' : `API key ${record.actor_name}`;
        case 'platform_owner':
            return record.actor_name === null
                ? 'Somebody from TradersFlow'
                : `${record.actor_name} from TradersFlow`;
        case 'webhook':
            return 'Stripe';
        case 'worker':
        case 'system':
            return 'TradersFlow';
    }
}

/** Why an act was refused, by the code that it was refused with. */
const REASONS: ReadonlyMap<string, string> = new Map([
    ['credentials_wrong', 'wrong password'],
    ['invalid_credentials', 'wrong password'],
    ['wrong_password', 'wrong password'],
    ['code_wrong', 'wrong or old code'],
    ['otp_expired', 'wrong or old code'],
    ['too_many_tries', 'too many tries'],
    ['over_request_rate_limit', 'too many tries'],
    ['password_paused', 'too many wrong passwords'],
    ['too_many_mails', 'too many e-mails asked for'],
    ['email_not_confirmed', 'the e-mail address is not confirmed'],
    ['user_banned', 'this sign-in is blocked'],
    ['person_blocked', 'this sign-in is blocked'],
    ['password_weak', 'the password is too weak'],
    ['weak_password', 'the password is too weak'],
    ['not_allowed', 'their role does not allow it'],
    ['not_found', 'it is not there, or not theirs'],
    ['account_suspended', 'the business is suspended'],
    ['session_ended', 'their session had ended'],
    ['signed_out', 'they were signed out'],
    ['cross_site', 'it came from another site'],
    ['validation_failed', 'something in it was not right']
]);

function reasonOf({ detail }: Pick<ActRecord, 'detail'>): string {
    for (const name of ['code', 'reason', 'error', 'error_code']) {
        const code = detail?.[name];
        if (typeof code === 'string' && code !== '') {
            return `: ${REASONS.get(code) ?? code.replaceAll('_', ' ')}`;
        }
    }
    return '';
}

/** Things, as single words in a sentence that has no better one. */
const THINGS: ReadonlyMap<string, string> = new Map([
    ['account', 'business'],
    ['invoice_line', 'invoice line'],
    ['invoice_vat', 'VAT'],
    ['portal_link', 'private link'],
    ['connected_account', 'card payments'],
    ['checkout', 'payment page'],
    ['message', 'e-mail'],
    ['role_permission', 'permission'],
    ['session', 'signing in'],
    ['sign_in', 'signing in'],
    ['audit', 'audit trail']
]);

/** An action in plain words, as filters list it: “Invoice: part paid”. */
export function actionInWords(action: string): string {
    const [entity = '', ...verb] = action.split('.');
    const thing = THINGS.get(entity) ?? entity.replaceAll('_', ' ');
    const rest = verb.join(' ').replaceAll('_', ' ');
    return sentenceCase(rest === '' ? thing : `${thing}: ${rest}`);
}

/** What was tried, for the sentence of an act that did not happen: “issue invoice”, “change customer”. */
function attemptOf(action: string): string {
    const parts = action.replace(/\.(refused|failed)$/, '').split('.');
    const [entity = '', verb = ''] = parts;
    const thing = (THINGS.get(entity) ?? entity).replaceAll('_', ' ');
    return verb === '' ? thing : `${thing}, ${verb.replaceAll('_', ' ')}`;
}

const SIGN_IN = /^(sign_in|session|password|otp|auth)\b/;

/** What a refused request was for: what the guard said of it, else its address. */
function requestOf({ detail, action }: ActRecord): string {
    const act = detail?.act ?? detail?.route;
    return typeof act === 'string' && act !== '' ? act : attemptOf(action);
}

function notDone(record: ActRecord, result: 'refused' | 'failed'): string {
    if (SIGN_IN.test(record.action)) {
        return `’s sign-in ${result === 'refused' ? 'was refused' : 'failed'}${reasonOf(record)}`;
    }
    const reason = reasonOf(record);
    return result === 'refused'
        ? `was refused (${requestOf(record)})${reason}`
        : `tried, and it failed (${attemptOf(record.action)})${reason}`;
}

/** Did the act not happen? Older records say so by their action alone. */
function failureOf({ action, result }: ActRecord): 'refused' | 'failed' | null {
    if (result === 'refused' || action.endsWith('.refused')) return 'refused';
    // A mail that could not be sent is an act that was recorded in full, and has its own sentence.
    return result === 'failed' && !SENTENCES.has(action) ? 'failed' : null;
}

/** What was done: the rest of the sentence, without its actor. Begins with ’s where it hangs on the name. */
export function actOf(record: ActRecord): string {
    const failure = failureOf(record);
    if (failure) return notDone(record, failure);
    const known = SENTENCES.get(record.action);
    if (known) return known(record);
    const [entity = record.entity, verb = ''] = record.action.split('.');
    const jobState = entity === 'job' ? JOB_STATES.find((state) => state === verb) : undefined;
    if (jobState) return `moved the job to ${jobStateLabel(jobState)}`;
    return actionInWords(record.action === '' ? record.entity : record.action).replace(/^./, (letter) =>
        letter.toLowerCase()
    );
}

/** Who and what, so that the two together are the sentence: “Jess”, “’s sign-in was refused: wrong password”. */
export function tellingOf(record: ActRecord): readonly [who: string, what: string] {
    const what = actOf(record);
    return [actorOf(record), what.startsWith('’') ? what : ` ${what}`];
}

/** The whole sentence. */
export function sentenceOf(record: ActRecord): string {
    return tellingOf(record).join('');
}
