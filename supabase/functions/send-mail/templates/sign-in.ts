/** The mails of signing in. A code to type, and a link that opens a page on which one taps once to go on. */
import { layOut, type Mail } from './layout.ts';

export type CodeData = {
    readonly code: string;
    readonly token_hash?: string | undefined;
    /** Verification type of the auth server that goes with `token_hash`. */
    readonly type?: string | undefined;
};

type Words = {
    readonly subject: string;
    readonly lead: string;
    readonly button: string;
    readonly unasked: string;
};

const words = {
    sign_in_code: {
        subject: 'is your TradersFlow sign-in code',
        lead: 'Type this code to sign in:',
        button: 'Or sign in with one tap',
        unasked:
            'If you did not ask for this code, you can ignore this e-mail. Nobody can sign in without it.'
    },
    confirm_sign_up: {
        subject: 'is your code to start with TradersFlow',
        lead: 'Welcome. Type this code to confirm your e-mail address:',
        button: 'Or confirm with one tap',
        unasked: 'If you did not sign up for TradersFlow, you can ignore this e-mail and nothing happens.'
    },
    reset_password: {
        subject: 'is your code to set a new password',
        lead: 'Type this code to set a new password:',
        button: 'Or set it from here',
        unasked: 'If you did not ask for this, you can ignore this e-mail. Your password stays as it is.'
    }
} as const satisfies Record<string, Words>;

export type CodeTemplate = keyof typeof words;

export function codeMail(template: CodeTemplate, data: CodeData, appOrigin: string): Mail {
    const { subject, lead, button, unasked } = words[template];
    const link = confirmLink(data, appOrigin);
    return layOut({
        subject: `${data.code} ${subject}`,
        from: 'TradersFlow',
        preview: lead,
        blocks: [
            { kind: 'paragraph', lines: [lead] },
            { kind: 'code', code: data.code },
            ...(link === null ? [] : [{ kind: 'button', label: button, url: link } as const]),
            {
                kind: 'small',
                text: 'The code works for 10 minutes and only once. Nobody at TradersFlow will ever ask you for it.'
            },
            { kind: 'small', text: unasked }
        ],
        footer: 'Sent by TradersFlow because somebody typed this address at sign-in.'
    });
}

function confirmLink({ token_hash, type }: CodeData, appOrigin: string): string | null {
    if (token_hash === undefined || type === undefined) {
        return null;
    }
    return `${appOrigin}/auth/confirm?${new URLSearchParams({ token_hash, type })}`;
}
