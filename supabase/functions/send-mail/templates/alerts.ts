/** The mail to those who run the platform: what they should look at, in numbers. */
import { dayOf, formatDay, formatTime } from '../../../../src/lib/domain/dates.ts';
import { layOut, type Mail } from './layout.ts';

export type Alert = {
    readonly kind: 'stuffing' | 'suspicious_sign_in' | 'apple_secret_ends';
    readonly times: number;
    /** ISO timestamp of the first. */
    readonly since: string;
};

const said: Readonly<Record<Alert['kind'], (times: number) => string>> = {
    stuffing: (times) =>
        times === 1
            ? 'One address tried many logins and was blocked'
            : `${times} addresses tried many logins and were blocked`,
    suspicious_sign_in: (times) =>
        times === 1
            ? 'One sign-in was unusual and was stopped'
            : `${times} sign-ins were unusual and were stopped`,
    apple_secret_ends: () =>
        'Apple’s client secret ends soon, or has ended: npm run apple-secret makes the next one'
};

export function alertsMail({ alerts }: { readonly alerts: readonly Alert[] }): Mail {
    const lines = alerts.map(({ kind, times, since }) => {
        const first = `, the first on ${formatDay(dayOf(new Date(since)))} at ${formatTime(since)}`;
        return `${said[kind](times)}${kind === 'apple_secret_ends' ? '' : first}.`;
    });
    const [top] = alerts;
    return layOut({
        subject: `TradersFlow: ${top ? said[top.kind](top.times) : 'nothing to report'}`,
        from: 'TradersFlow',
        preview: lines.join(' '),
        blocks: [
            { kind: 'paragraph', lines },
            { kind: 'small', text: 'What is behind each stands in private.alerts, with its reasons.' }
        ],
        footer: 'Sent by TradersFlow to those who run it, every ten minutes at the most.'
    });
}
