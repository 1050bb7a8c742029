/** The mail to a person when what they sign in with beside a password has come, gone or been recovered. */
import { dayOf, formatDay, formatTime } from '../../../../src/lib/domain/dates.ts';
import { layOut, type Mail } from './layout.ts';

export type SecondFactorData = {
    readonly what:
        'factor_added' | 'factor_removed' | 'passkey_added' | 'passkey_removed' | 'recovery_code_used';
    /** What its person calls it. */
    readonly name: string | null;
    /** ISO timestamp. */
    readonly at: string;
    readonly address: string | null;
};

const subjects: Readonly<Record<SecondFactorData['what'], string>> = {
    factor_added: 'A second factor was added',
    factor_removed: 'A second factor was removed',
    passkey_added: 'A passkey was added',
    passkey_removed: 'A passkey was removed',
    recovery_code_used: 'A recovery code was used'
};

const meaning: Readonly<Record<SecondFactorData['what'], string>> = {
    factor_added: 'From now on signing in as you takes it as well.',
    factor_removed: 'It opens nothing any more.',
    passkey_added: 'Whoever holds it can sign in as you.',
    passkey_removed: 'It opens nothing any more.',
    recovery_code_used: 'It took your second factor away and signed every other device out. Set up a new one.'
};

export function secondFactorMail({ what, name, at, address }: SecondFactorData, appOrigin: string): Mail {
    const when = `${formatDay(dayOf(new Date(at)))} at ${formatTime(at)}`;
    return layOut({
        subject: subjects[what],
        from: 'TradersFlow',
        preview: when,
        blocks: [
            { kind: 'paragraph', lines: [meaning[what]] },
            {
                kind: 'figure',
                label: subjects[what],
                value: name ?? when,
                note: [
                    ...(name === null ? [] : [when]),
                    ...(address === null ? [] : [`from the address ${address}`])
                ].join(', ')
            },
            { kind: 'paragraph', lines: ['Was that you? Then there is nothing to do.'] },
            {
                kind: 'paragraph',
                lines: ['If not, sign out every device and look at what you sign in with:']
            },
            { kind: 'button', label: 'Signing in and out', url: `${appOrigin}/more/security` }
        ],
        footer: 'Sent by TradersFlow to whoever signs in with this address.'
    });
}
