// What the browser tests share: a browser's address, axe on a page, the customer's mail, a photo as a phone takes it.
import AxeBuilder from '@axe-core/playwright';
import { expect, test as base, type Page } from '@playwright/test';
import sharp from 'sharp';
import { anAddress } from '../support/business.ts';
import { untilGood } from '../support/inbox.ts';
import { stack } from '../support/stack.ts';

/** As the proxy in front would tell: each test's browser comes from an address of its own, and so has limits of its own. */
export const test = base.extend({
    // eslint-disable-next-line no-empty-pattern -- Playwright reads from it that this asks for nothing.
    extraHTTPHeaders: async ({}, use) => use({ 'x-forwarded-for': anAddress() })
});

type Message = {
    id: string;
    subject: string;
    text: string;
    html: string;
    attachments: { filename: string }[];
};

/** No serious or critical finding of axe (WCAG 2.2 A and AA) on the page as it stands. */
async function expectAccessible(page: Page): Promise<void> {
    const { violations } = await new AxeBuilder({ page })
        .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'])
        .analyze();
    const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    const told = serious.map(
        ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`
    );
    expect(told, `axe on ${page.url()}`).toEqual([]);
}

/** Nothing runs off the side of a phone. */
async function expectNoSidewaysScroll(page: Page): Promise<void> {
    const over = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth
    );
    expect(over, `pixels past the edge of ${page.url()}`).toBeLessThanOrEqual(0);
}

/** Both of the above, as every page of the story is looked at. */
export async function lookAt(page: Page): Promise<void> {
    await expectNoSidewaysScroll(page);
    await expectAccessible(page);
}

/** The newest mail to an address whose subject has the words in it; waits until it arrives and is good. */
export async function mailTo(address: string, subject: RegExp): Promise<Message> {
    let found: Message | undefined;
    await expect
        .poll(
            async () => {
                const url = new URL('/api/messages', stack().inboxUrl);
                url.searchParams.set('to', address);
                const answer: unknown = await (await fetch(url)).json();
                const messages = (
                    Array.isArray(answer) ? answer : (answer as { data: unknown[] }).data
                ) as Message[];
                found = messages.find((message) => subject.test(message.subject));
                return found !== undefined;
            },
            { message: `a mail to ${address} about ${subject}`, timeout: 20_000 }
        )
        .toBe(true);
    if (!found) throw new Error('unreachable');
    await untilGood(found);
    return found;
}

/** The code of a sign-in mail. */
export function codeIn(mail: Message): string {
    const code = /\b(\d{6})\b/.exec(mail.text)?.[1];
    if (!code) throw new Error(`no code in: ${mail.text}`);
    return code;
}

/** The private link of an invoice mail. */
export function linkIn(mail: Message): string {
    const link = /https?:\/\/\S+\/p\/[\w-]+/.exec(mail.text)?.[0];
    if (!link) throw new Error(`no link in: ${mail.text}`);
    return link;
}

/** A JPEG as a phone held sideways takes it: orientation 6, and where it was taken. */
export function phonePhoto(): Promise<Buffer> {
    return sharp({ create: { width: 640, height: 480, channels: 3, background: '#8a7f6a' } })
        .withExif({
            IFD3: {
                GPSLatitudeRef: 'N',
                GPSLatitude: '53/1 44/1 0/1',
                GPSLongitudeRef: 'W',
                GPSLongitude: '2/1 1/1 0/1'
            }
        })
        .withMetadata({ orientation: 6 })
        .jpeg()
        .toBuffer();
}
