import { describe, expect, it } from 'vitest';
import { alertsMail } from './alerts.ts';
import { anchorDigestMail } from './anchor-digest.ts';
import { emailChangedMail, emailChangeMail, passwordChangedMail } from './credentials.ts';
import type { Mail } from './layout.ts';
import { escapeHtml, markup } from './markup.ts';
import { domainMissingMail, joinAskedMail, joinDecidedMail, joinedByDomainMail } from './domains.ts';
import { invoiceMail, receiptMail, type InvoiceData } from './money.ts';
import { newDeviceMail } from './new-device.ts';
import { secondFactorMail } from './second-factor.ts';
import { codeMail } from './sign-in.ts';
import { suspiciousSignInMail } from './suspicious-sign-in.ts';
import { invitationMail } from './team.ts';
import { displayName, oneLine, paragraphs } from './text.ts';

const origin = 'https://app.example';
const hostile = `<img src=x onerror=alert(1)>"'&\r\nBcc: all@example.com\u202E</td>`;

const invoice: InvoiceData = {
    reference: 'INV-0042',
    total_pence: 123_456,
    due_on: '2026-12-05',
    link_token: 'tok_-EN',
    message: 'Thanks for having us.\nThe boiler is under warranty.\n\nAnna',
    customer_name: 'Mrs Bell',
    business_name: 'Hart & Sons Electrical'
};
const receipt = {
    reference: 'INV-0042',
    amount_pence: 5,
    paid_at: '2026-07-01T23:30:00Z',
    business_name: 'Hart & Sons Electrical',
    link_token: 'tok_-EN'
};

const invitation = {
    business_name: 'Hart & Sons Electrical',
    inviter_name: 'Anna Hart',
    role_name: 'Staff',
    link_token: 'tok_-EN',
    expires_at: '2026-07-01T23:30:00Z'
};

/** What no mail of ours may do, whatever people typed. */
function expectHarmless({ subject, html }: Mail): void {
    expect(subject).not.toMatch(/[\r\n\u202E]/);
    expect(html).not.toMatch(/<img|<script|<link|<iframe|url\(|src=x onerror=alert\(1\)>/i);
    expect(html).not.toContain('\u202E');
    const urls = [...html.matchAll(/(?:href|src)="([^"]*)"/g)].map(([, url]) => url ?? '');
    for (const url of urls) {
        expect(url).toMatch(/^https:\/\/app\.example\//);
    }
}

describe('the mails', () => {
    it.each(['sign_in_code', 'confirm_sign_up', 'reset_password'] as const)('%s', (template) => {
        const mail = codeMail(template, { code: '123456', token_hash: 'pkce_ab', type: 'magiclink' }, origin);
        expectHarmless(mail);
        expect(mail.subject).toMatch(/^123456 is your .*code/);
        expect(mail.html).toContain('https://app.example/auth/confirm?token_hash=pkce_ab&amp;type=magiclink');
        expect(mail.text).toMatchSnapshot();
    });

    it('a code without a link has no button', () => {
        expect(codeMail('sign_in_code', { code: '123456' }, origin).html).not.toContain('href=');
    });

    it('an invoice carries the trader’s name, the total, the day it is due and the private link', () => {
        const mail = invoiceMail(invoice, origin);
        expectHarmless(mail);
        expect(mail.subject).toBe('Invoice INV-0042 from Hart & Sons Electrical');
        expect(mail.html).toContain('Hart &amp; Sons Electrical');
        for (const form of [mail.html, mail.text]) {
            expect(form).toContain('£1,234.56');
            expect(form).toContain('Due by 5 Dec 2026');
            expect(form).toContain('https://app.example/p/tok_-EN');
        }
        expect(mail).toMatchSnapshot();
    });

    it('an invoice without a message or a name still reads well', () => {
        const mail = invoiceMail({ ...invoice, message: null, customer_name: null, due_on: null }, origin);
        expect(mail.text).toContain('Hello,\n\nhere is invoice INV-0042 from Hart & Sons Electrical.');
        expect(mail.text).not.toContain('Due by');
    });

    it('a receipt names the day of payment in London', () => {
        const mail = receiptMail(receipt, origin);
        expectHarmless(mail);
        expect(mail.subject).toBe('Receipt for invoice INV-0042: £0.05 paid to Hart & Sons Electrical');
        expect(mail.text).toContain('Paid: £0.05\non 2 Jul 2026');
        expect(mail).toMatchSnapshot();
    });

    it('the weekly anchor stands in both forms so that its JSON can be copied out', () => {
        const anchor = {
            format: 'tf-anchor-1',
            number: 17,
            at: '2026-11-22T10:07:00.123Z',
            head: { chain_id: '0193a0de-0000-7000-8000-000000000001', seq: 1234, hash: 'ab'.repeat(32) },
            path: ['cd'.repeat(32)],
            index: 1
        };
        const mail = anchorDigestMail({ business_name: hostile, anchor }, origin);
        expectHarmless(mail);
        const shown = /<pre [^>]*>(.*)<\/pre>/s.exec(mail.html)?.[1] ?? '';
        expect(JSON.parse(shown.replaceAll('&quot;', '"'))).toEqual(anchor);
        const [written = ''] = /^\{$.*?^\}$/ms.exec(mail.text) ?? [];
        expect(JSON.parse(written)).toEqual(anchor);
        expect(mail.text).toContain('1,234 records\nsigned on 22 Nov 2026, anchor 17');
    });

    it('an invitation says who asks, to what, and until when', () => {
        const mail = invitationMail(invitation, origin);
        expectHarmless(mail);
        expect(mail.subject).toBe('Anna Hart asks you to join Hart & Sons Electrical');
        for (const form of [mail.html, mail.text]) {
            expect(form).toContain('https://app.example/join/tok_-EN');
            expect(form).toContain('You would join as: Staff.');
            expect(form).toContain('until 2 Jul 2026');
        }
        expect(mail.text).toMatchSnapshot();
    });

    it('a new device says on what, when and from where, and has one button', () => {
        const seen = {
            at: '2026-07-01T23:30:00Z',
            device: 'Safari on iPhone',
            address: '198.51.100.7',
            link_token: 'tok_-EN'
        };
        const mail = newDeviceMail(seen, origin);
        expectHarmless(mail);
        for (const form of [mail.html, mail.text]) {
            expect(form).toContain('Safari on iPhone');
            expect(form).toContain('2 Jul 2026 at 00:30, from the address 198.51.100.7');
            expect(form).toContain('https://app.example/auth/not-me?token=tok_-EN');
        }
        expect(mail.text).toMatchSnapshot();
        const bare = newDeviceMail({ ...seen, device: null, address: null }, origin);
        expect(bare.text).toContain('A device that does not say what it is');
        expect(bare.text).not.toContain('from the address');
        expectHarmless(newDeviceMail({ ...seen, device: hostile, address: hostile }, origin));
    });

    it('another address is confirmed at both, and told to the one that was left', () => {
        const asked = {
            token_hash: 'hash.mac',
            type: 'email_change',
            old_address: 'kim@old.example',
            new_address: 'kim@new.example'
        };
        const ask = emailChangeMail(asked, origin);
        expectHarmless(ask);
        expect(ask.text).toContain('https://app.example/auth/confirm?token_hash=hash.mac&type=email_change');
        expect(ask.text).toMatchSnapshot();
        const told = { at: '2026-07-01T23:30:00Z', link_token: 'tok_-EN', new_address: 'k…@new.example' };
        const left = emailChangedMail(told, origin);
        expectHarmless(left);
        expect(left.text).toContain('2 Jul 2026 at 00:30');
        expect(left.text).toContain('https://app.example/auth/not-me?token=tok_-EN');
        expect(left.text).toMatchSnapshot();
        expectHarmless(emailChangeMail({ ...asked, new_address: hostile }, origin));
        expectHarmless(emailChangedMail({ ...told, new_address: hostile }, origin));
    });

    it('another password is told to its person, with the way to undo it and without the password', () => {
        const mail = passwordChangedMail({ at: '2026-07-01T23:30:00Z', link_token: 'tok_-EN' }, origin);
        expectHarmless(mail);
        expect(mail.text).toContain('https://app.example/auth/not-me?token=tok_-EN');
        expect(mail.text).toMatchSnapshot();
    });

    it('joining by a domain is told to those who decide, and to whoever asked', () => {
        const asker = {
            business_name: 'Hart & Sons Electrical',
            person_name: 'Sam Pratt',
            email: 'sam@hart.example',
            domain: 'hart.example'
        };
        const { business_name, domain } = asker;
        const mails = [
            domainMissingMail({ business_name, domain }, origin),
            joinAskedMail(asker, origin),
            joinedByDomainMail(asker, origin),
            joinDecidedMail({ business_name, approved: true }, origin),
            joinDecidedMail({ business_name, approved: false }, origin)
        ];
        expect(mails.map(({ subject }) => subject)).toEqual([
            'We no longer find our record at hart.example',
            'Sam Pratt asks to join Hart & Sons Electrical',
            'Sam Pratt has joined Hart & Sons Electrical',
            'You are in the team of Hart & Sons Electrical',
            'Hart & Sons Electrical did not let you join'
        ]);
        for (const mail of mails) {
            expectHarmless(mail);
            expect(mail.text).toMatchSnapshot();
        }
        const hostileAsker = {
            ...asker,
            business_name: hostile,
            person_name: hostile,
            email: hostile,
            domain: hostile
        };
        expectHarmless(domainMissingMail(hostileAsker, origin));
        expectHarmless(joinAskedMail(hostileAsker, origin));
        expectHarmless(joinedByDomainMail(hostileAsker, origin));
        expectHarmless(joinDecidedMail({ business_name: hostile, approved: true }, origin));
    });

    it('[AUTH-4] the mail about a second factor says what came or went, when and from where', () => {
        const told = {
            what: 'factor_added',
            name: 'My phone',
            at: '2026-07-01T23:30:00Z',
            address: '198.51.100.7'
        } as const;
        const mail = secondFactorMail(told, origin);
        expectHarmless(mail);
        expect(mail.subject).toBe('A second factor was added');
        for (const form of [mail.html, mail.text]) {
            expect(form).toContain('My phone');
            expect(form).toContain('2 Jul 2026 at 00:30, from the address 198.51.100.7');
            expect(form).toContain('https://app.example/more/security');
        }
        expect(mail.text).toMatchSnapshot();
        const used = secondFactorMail(
            { ...told, what: 'recovery_code_used', name: null, address: null },
            origin
        );
        expect(used.text).toContain('It took your second factor away');
        expectHarmless(secondFactorMail({ ...told, name: hostile, address: hostile }, origin));
    });

    it('a sign-in that was stopped says what it was and what to do, by password and by provider', () => {
        const seen = {
            at: '2026-07-01T23:30:00Z',
            method: 'password' as const,
            device: 'Safari on iPhone',
            address: '198.51.100.7',
            country: 'FR'
        };
        const mail = suspiciousSignInMail(seen, origin);
        expectHarmless(mail);
        for (const form of [mail.html, mail.text]) {
            expect(form).toContain('2 Jul 2026 at 00:30, from the address 198.51.100.7 in France');
            expect(form).toContain('https://app.example/reset');
        }
        expect(mail.text).toMatchSnapshot();
        const bare = { ...seen, method: 'provider' as const, device: null, country: null };
        const other = suspiciousSignInMail(bare, origin);
        expect(other.text).toMatchSnapshot();
        expectHarmless(suspiciousSignInMail({ ...seen, device: hostile, address: hostile }, origin));
    });

    it('alerts are told by kind, in numbers', () => {
        const since = '2026-07-01T23:30:00Z';
        const mail = alertsMail({
            alerts: [
                { kind: 'stuffing', times: 12, since },
                { kind: 'suspicious_sign_in', times: 1, since }
            ]
        });
        expectHarmless(mail);
        expect(mail.subject).toBe('TradersFlow: 12 addresses tried many logins and were blocked');
        expect(mail.text).toMatchSnapshot();
        const apple = alertsMail({ alerts: [{ kind: 'apple_secret_ends', times: 2, since }] });
        expect(apple.subject).toBe(
            'TradersFlow: Apple’s client secret ends soon, or has ended: npm run apple-secret makes the next one'
        );
        expect(apple.text).not.toContain('the first on');
    });

    it('hostile names and messages stay words', () => {
        const mail = invoiceMail(
            {
                ...invoice,
                reference: hostile,
                message: hostile,
                customer_name: hostile,
                business_name: hostile,
                link_token: '"><script>'
            },
            origin
        );
        expectHarmless(mail);
        expectHarmless(receiptMail({ ...receipt, reference: hostile, business_name: hostile }, origin));
        expectHarmless(
            invitationMail(
                {
                    ...invitation,
                    business_name: hostile,
                    inviter_name: hostile,
                    role_name: hostile,
                    link_token: '"><script>'
                },
                origin
            )
        );
        expectHarmless(
            codeMail('sign_in_code', { code: '123456', token_hash: '"><img>', type: hostile }, origin)
        );
        expect(mail).toMatchSnapshot();
    });

    it('the same row always gives the same mail, as the provider’s idempotency key demands', () => {
        expect(invoiceMail(invoice, origin)).toEqual(invoiceMail({ ...invoice }, origin));
    });
});

describe('text that people typed', () => {
    it('is escaped for content and attributes, and only once', () => {
        expect(escapeHtml(`<a href="x" title='y'>&`)).toBe(
            '&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;'
        );
        expect(markup`<p>${markup`<b>${'&'}</b>`}</p>`.html).toBe('<p><b>&amp;</b></p>');
    });

    it('can’t pass for markup by its form', () => {
        const forged = JSON.parse('{"html":"<b>"}') as string;
        expect(() => markup`${forged}`).toThrow();
    });

    it('becomes one line of bounded length', () => {
        expect(oneLine('a\r\n\tb\u2028c\u200Bd')).toBe('a b c d');
        expect([...oneLine('😀'.repeat(200), 10)]).toHaveLength(10);
    });

    it('keeps its paragraphs and lines', () => {
        expect(paragraphs('a\r\nb\n\n \n\nc\u0000d')).toEqual([['a', 'b'], ['c d']]);
        expect(paragraphs(' \n ')).toEqual([]);
    });

    it('is a quoted display name that can’t name another address', () => {
        expect(displayName('Hart, "Sparky" \\ <x@evil.example>\r\nBcc: y')).toBe(
            '"Hart, \\"Sparky\\" \\\\ x@evil.example Bcc: y"'
        );
    });
});
