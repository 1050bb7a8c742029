// Reads the stand-in's inbox as a person reads their mail.
import postgres from 'postgres';
import { stack } from './stack.ts';

export type Mail = { id: string; subject: string; text: string; html: string };

/**
 * The newest e-mail to an address, as soon as one has come, or the first `after` another (its id); with `about`, of those
 * whose subject holds that. What the mail holds may not be good yet, or no longer.
 */
async function arrived(address: string, after?: string, about?: string): Promise<Mail> {
    const query = new URLSearchParams({
        to: address,
        timeout_ms: '10000',
        ...(after ? { after } : {}),
        ...(about ? { subject: about } : {})
    });
    const response = await fetch(`${stack().inboxUrl}/api/messages/wait?${query}`);
    if (!response.ok) throw new Error(`No e-mail ${about ? `about "${about}" ` : ''}came to ${address}.`);
    return (await response.json()) as Mail;
}

/** The same, as soon as the code and the link in it are good. */
export async function mailTo(address: string, after?: string, about?: string): Promise<Mail> {
    const mail = await arrived(address, after, about);
    await untilGood(mail);
    return mail;
}

/** The newest e-mail to an address whose subject holds these words, or the first `after` another (its id). */
export const mailAbout = (address: string, subject: string, after?: string): Promise<Mail> =>
    mailTo(address, after, subject);

/** The id of the newest e-mail that has come to an address by now, if any has. */
export async function newestMail(address: string): Promise<string | undefined> {
    const response = await fetch(`${stack().inboxUrl}/api/messages?${new URLSearchParams({ to: address })}`);
    const [newest] = (await response.json()) as Pick<Mail, 'id'>[];
    return newest?.id;
}

/** The six-digit code of the sign-in e-mail, which the notice of a new device may precede or follow. */
export async function codeFor(address: string, after?: string): Promise<string> {
    return codeIn(await mailTo(address, after, ' is your '));
}

/** The code that came, good or not. */
export async function oldCodeFor(address: string): Promise<string> {
    return codeIn(await arrived(address, undefined, ' is your '));
}

function codeIn({ subject }: Mail): string {
    const [code] = /\b\d{6}\b/.exec(subject) ?? [];
    if (!code) throw new Error(`There is no code in "${subject}".`);
    return code;
}

/**
 * Waits until the auth server keeps what it has mailed. It mails from within the transaction that keeps the code, and our
 * gate has answered long before: a test that reads its mail faster than a person would be there before the code is good.
 * A mail with nothing of the auth server's in it is good at once.
 */
export async function untilGood({ subject, text }: Pick<Mail, 'subject' | 'text'>): Promise<void> {
    const hash = /[?&]token_hash=(\w+)/.exec(text)?.[1];
    if (!hash) return;
    const sql = postgres(stack().superuserUrl, { max: 1, onnotice: () => undefined });
    try {
        const deadline = Date.now() + 10_000;
        const isKept = async (): Promise<boolean> =>
            (await sql`select from auth.one_time_tokens where token_hash = ${hash}`).length > 0;
        while (!(await isKept()))
            if (Date.now() > deadline)
                throw new Error(`What was mailed in "${subject}" is good for nothing.`);
    } finally {
        await sql.end();
    }
}

/** The path and query of the link in an e-mail that leads to this page of ours. */
export function linkTo(page: string, { text }: Mail): { path: string; fields: Record<string, string> } {
    const [address] = new RegExp(`https?://\\S+${page}\\?\\S+`).exec(text) ?? [];
    if (!address) throw new Error(`There is no link to ${page} in "${text}".`);
    const { pathname, search, searchParams } = new URL(address);
    return { path: pathname + search, fields: Object.fromEntries(searchParams) };
}
