/**
 * Mails that carry no code: they tell somebody what has changed about their account. Each is off unless config.toml
 * switches it on; one that can't be sent does not undo the change it tells of.
 */
import type { Work } from './contract.ts';
import type { EmailData } from './hooks.ts';
import { sendMail } from './mail.ts';
import type { Notice } from './settings.ts';
import type { User } from './users.ts';

/** Tells the person, at the address they have now; where it went from is in the mail's data. */
export async function tell(
    work: Work,
    user: User,
    notice: Notice,
    data: Partial<EmailData> = {}
): Promise<void> {
    const { auth } = work;
    if (!auth.settings.email.notification[notice]?.enabled || !user.email) return;
    try {
        await sendMail(work, user, { email_action_type: `${notice}_notification`, ...data });
    } catch (error) {
        auth.log(`auth: the notice ${notice} was not sent: ${(error as Error).message}`);
    }
}
