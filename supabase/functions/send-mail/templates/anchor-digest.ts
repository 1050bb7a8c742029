/** The weekly mail to an owner: the newest anchor of their audit trail, to be kept where we can't reach it. */
import { dayOf, formatDay } from '../../../../src/lib/domain/dates.ts';
import { layOut, type Mail } from './layout.ts';

export type AnchorDigestData = {
    readonly business_name: string;
    /** The anchor file of the account's chain. */
    readonly anchor: {
        readonly number: number;
        /** ISO timestamp. */
        readonly at: string;
        readonly head: { readonly chain_id: string; readonly seq: number; readonly hash: string };
    };
};

export function anchorDigestMail({ business_name, anchor }: AnchorDigestData, appOrigin: string): Mail {
    const { number, at, head } = anchor;
    const records = head.seq.toLocaleString('en-GB');
    return layOut({
        subject: `The seal on your audit trail: ${records} records of ${business_name}`,
        from: 'TradersFlow',
        preview: 'Keep this e-mail. It proves what your audit trail held, whatever happens to our database.',
        blocks: [
            {
                kind: 'paragraph',
                lines: [
                    'Keep this e-mail. With it, anybody can check that nothing in your audit trail up to here was changed, added or taken out, not even by us.'
                ]
            },
            {
                kind: 'figure',
                label: business_name,
                value: `${records} records`,
                note: `signed on ${formatDay(dayOf(new Date(at)))}, anchor ${number}`
            },
            { kind: 'verbatim', lines: JSON.stringify(anchor, null, 2).split('\n') },
            { kind: 'button', label: 'See your audit trail', url: `${appOrigin}/more/audit` },
            {
                kind: 'small',
                text: 'To check: save the block above as anchor.json, export the trail, and follow the description of the audit format. What happened after the time of signing is covered by the next anchor.'
            }
        ],
        footer: 'Sent by TradersFlow to the owners of a business, at most once a week and only when something happened.'
    });
}
