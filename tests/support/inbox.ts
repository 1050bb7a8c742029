// Reads the stand-in's inbox as a person reads their mail.
import { stack } from './stack.ts';

export type Mail = { id: string; subject: string; text: string; html: string };

/**
 * The newest e-mail to an address, as soon as one has come, or the first `after` another (its id); with `about`, of those
 * whose subject holds that.
 */
export async function mailTo(address: string, after?: string, about?: string): Promise<Mail> {
    const query = new URLSearchParams({
        to: address,
        timeout_ms: '10000',
        ...(after ? { after } : {}),
        ...(about ? { subject: about } : {})
    });
    const response = await fetch(`${stack().inboxUrl}/api/messages/wait?${query}`);
    if (!response.ok) throw new Error(`No e-mail came to ${address}.`);
    return (await response.json()) as Mail;
}

/** The six-digit code of the sign-in e-mail, which the notice of a new device may precede or follow. */
export async function codeFor(address: string, after?: string): Promise<string> {
    const { subject } = await mailTo(address, after, ' is your ');
    const [code] = /\b\d{6}\b/.exec(subject) ?? [];
    if (!code) throw new Error(`There is no code in "${subject}".`);
    return code;
}

/** The next e-mail to an address whose subject holds these words. */
export async function mailAbout(address: string, subject: string): Promise<Mail> {
    const query = new URLSearchParams({ to: address, subject, timeout_ms: '10000' });
    const response = await fetch(`${stack().inboxUrl}/api/messages/wait?${query}`);
    if (!response.ok) throw new Error(`No e-mail about "${subject}" came to ${address}.`);
    return (await response.json()) as Mail;
}

/** The path and query of the link in an e-mail that leads to this page of ours. */
export function linkTo(page: string, { text }: Mail): { path: string; fields: Record<string, string> } {
    const [address] = new RegExp(`https?://\\S+${page}\\?\\S+`).exec(text) ?? [];
    if (!address) throw new Error(`There is no link to ${page} in "${text}".`);
    const { pathname, search, searchParams } = new URL(address);
    return { path: pathname + search, fields: Object.fromEntries(searchParams) };
}
