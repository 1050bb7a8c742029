/** The mail that asks somebody to join a business. The link opens a page that says so again, and joins nobody by itself. */
import { dayOf, formatDay } from '../../../../src/lib/domain/dates.ts';
import { layOut, type Mail } from './layout.ts';

export type InvitationData = {
    readonly business_name: string;
    readonly inviter_name: string;
    readonly role_name: string;
    readonly link_token: string;
    /** ISO timestamp. */
    readonly expires_at: string;
};

export function invitationMail(data: InvitationData, appOrigin: string): Mail {
    const { business_name: business, inviter_name: inviter, role_name: role } = data;
    return layOut({
        subject: `${inviter} asks you to join ${business}`,
        from: business,
        preview: `Join the team of ${business} on TradersFlow.`,
        blocks: [
            {
                kind: 'paragraph',
                lines: [
                    `${inviter} asks you to join the team of ${business} on TradersFlow, where it keeps its jobs, invoices and payments.`
                ]
            },
            { kind: 'paragraph', lines: [`You would join as: ${role}.`] },
            {
                kind: 'button',
                label: `Join ${business}`,
                url: `${appOrigin}/join/${encodeURIComponent(data.link_token)}`
            },
            {
                kind: 'small',
                text: `The link works once, until ${formatDay(dayOf(new Date(data.expires_at)))}, and only for whoever signs in with the address that this e-mail was sent to. New to TradersFlow? You can sign up on the way.`
            },
            {
                kind: 'small',
                text: `You don’t know ${business}? Then ignore this e-mail, and nothing happens.`
            }
        ],
        footer: `Sent with TradersFlow for ${business}.`
    });
}
