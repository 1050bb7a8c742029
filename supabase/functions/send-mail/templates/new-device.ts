/** The mail to a person when somebody signs in as them on a device that we have not seen with them. */
import { dayOf, formatDay, formatTime } from '../../../../src/lib/domain/dates.ts';
import { layOut, type Mail } from './layout.ts';

export type NewDeviceData = {
    /** ISO timestamp. */
    readonly at: string;
    /** In words, like `Chrome on Android`. */
    readonly device: string | null;
    readonly address: string | null;
    readonly link_token: string;
};

export function newDeviceMail({ at, device, address, link_token }: NewDeviceData, appOrigin: string): Mail {
    const when = `${formatDay(dayOf(new Date(at)))} at ${formatTime(at)}`;
    const what = device ?? 'A device that does not say what it is';
    return layOut({
        subject: 'New sign-in to your TradersFlow',
        from: 'TradersFlow',
        preview: `${what}, ${when}`,
        blocks: [
            {
                kind: 'paragraph',
                lines: ['Somebody signed in as you on a device that we have not seen with you before.']
            },
            {
                kind: 'figure',
                label: 'Device',
                value: what,
                note: address === null ? when : `${when}, from the address ${address}`
            },
            { kind: 'paragraph', lines: ['Was that you? Then there is nothing to do.'] },
            {
                kind: 'button',
                label: 'This wasn’t me',
                url: `${appOrigin}/auth/not-me?token=${encodeURIComponent(link_token)}`
            },
            {
                kind: 'small',
                text: 'The button opens a page where you sign out every device and choose a new password. It works once, for a week.'
            }
        ],
        footer: 'Sent by TradersFlow to whoever signs in with this address.'
    });
}
