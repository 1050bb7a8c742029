// Reads the stand-in's inbox as a person reads their mail.
import { stack } from './stack.ts';

export type Mail = { id: string; subject: string; text: string; html: string };

/** The next e-mail to an address, as soon as it has come; `after` (an id) skips what came before. */
export async function mailTo(address: string, after?: string): Promise<Mail> {
    const query = new URLSearchParams({ to: address, timeout_ms: '10000', ...(after ? { after } : {}) });
    const response = await fetch(`${stack().inboxUrl}/api/messages/wait?${query}`);
    if (!response.ok) throw new Error(`No e-mail came to ${address}.`);
    return (await response.json()) as Mail;
}

/** The six-digit code that a sign-in e-mail carries. */
export async function codeFor(address: string, after?: string): Promise<string> {
    const { subject } = await mailTo(address, after);
    const [code] = /\b\d{6}\b/.exec(subject) ?? [];
    if (!code) throw new Error(`There is no code in "${subject}".`);
    return code;
}
