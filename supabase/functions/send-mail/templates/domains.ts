/** The mails about joining by a domain: to those who let people in, and to whoever asked. No link in them does anything by itself. */
import { layOut, type Mail } from './layout.ts';

export type DomainMissingData = { readonly business_name: string; readonly domain: string };

export type JoiningData = {
    readonly business_name: string;
    readonly person_name: string;
    readonly email: string;
    readonly domain: string;
};

export type JoinDecidedData = { readonly business_name: string; readonly approved: boolean };

const FOOTER = 'Sent by TradersFlow to everybody who may invite people to the business.';

/** The record that proves a domain is gone. */
export function domainMissingMail({ business_name, domain }: DomainMissingData, appOrigin: string): Mail {
    return layOut({
        subject: `We no longer find our record at ${domain}`,
        from: 'TradersFlow',
        preview: `Until it is back, nobody joins ${business_name} by an address there.`,
        blocks: [
            {
                kind: 'paragraph',
                lines: [
                    `The TXT record that shows that ${domain} belongs to ${business_name} is gone. Nobody joins your team by an address there until it is back; whoever is in the team stays.`
                ]
            },
            {
                kind: 'paragraph',
                lines: ['If it stays away for a week, another business can prove the domain.']
            },
            { kind: 'button', label: 'See your domains', url: `${appOrigin}/more/team/domains` },
            {
                kind: 'small',
                text: 'We look again every hour. You can also put the record back and have it checked at once.'
            }
        ],
        footer: FOOTER
    });
}

/** Somebody with an address in the domain asks to join. */
export function joinAskedMail(data: JoiningData, appOrigin: string): Mail {
    const { business_name: business, person_name: name, email, domain } = data;
    return layOut({
        subject: `${name} asks to join ${business}`,
        from: 'TradersFlow',
        preview: `They have shown that ${email} is theirs. Nothing opens until you say yes.`,
        blocks: [
            {
                kind: 'paragraph',
                lines: [`${name} (${email}) asks to join the team of ${business}.`]
            },
            {
                kind: 'paragraph',
                lines: [
                    `We checked that the address is theirs and that ${domain} is your domain. We did not check who they are: ask if you are not expecting them.`
                ]
            },
            { kind: 'button', label: 'Decide', url: `${appOrigin}/more/team` }
        ],
        footer: FOOTER
    });
}

/** Somebody joined without being asked, as the owner chose. */
export function joinedByDomainMail(data: JoiningData, appOrigin: string): Mail {
    const { business_name: business, person_name: name, email, domain } = data;
    return layOut({
        subject: `${name} has joined ${business}`,
        from: 'TradersFlow',
        preview: `${email}, as everybody with an address at ${domain} may.`,
        blocks: [
            {
                kind: 'paragraph',
                lines: [
                    `${name} (${email}) has joined the team of ${business}: everybody with an address at ${domain} may.`
                ]
            },
            { kind: 'button', label: 'See the team', url: `${appOrigin}/more/team` },
            {
                kind: 'small',
                text: 'You don’t know them? Remove them from the team, and they are out at once and cannot come back by their address.'
            }
        ],
        footer: FOOTER
    });
}

/** What became of somebody's wish to join. */
export function joinDecidedMail(
    { business_name: business, approved }: JoinDecidedData,
    appOrigin: string
): Mail {
    return layOut({
        subject: approved ? `You are in the team of ${business}` : `${business} did not let you join`,
        from: business,
        preview: approved ? 'Open TradersFlow to begin.' : 'Ask them if you think that is a mistake.',
        blocks: [
            {
                kind: 'paragraph',
                lines: [
                    approved
                        ? `${business} has let you in: you are in its team on TradersFlow now.`
                        : `You asked to join the team of ${business} on TradersFlow, and somebody there said no. They can still invite you.`
                ]
            },
            ...(approved
                ? [{ kind: 'button' as const, label: 'Open TradersFlow', url: `${appOrigin}/today` }]
                : [])
        ],
        footer: `Sent with TradersFlow for ${business}.`
    });
}
