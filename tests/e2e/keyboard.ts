// Going through a page by the keyboard alone, as somebody without a mouse does.
import { expect, type Locator, type Page } from '@playwright/test';

/** Goes to a thing by Tab, and sees where they are. */
export async function tabTo(page: Page, thing: Locator): Promise<void> {
    for (let presses = 0; presses < 40; presses += 1) {
        if (await thing.evaluate((element) => element === document.activeElement)) {
            const drawn = await thing.evaluate((element) => {
                const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
                return (
                    (outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 2) || boxShadow !== 'none'
                );
            });
            expect(drawn, 'the focus can be seen').toBe(true);
            return;
        }
        await page.keyboard.press('Tab');
    }
    throw new Error(`Tab does not lead to ${String(thing)}.`);
}

/** Types into a field and goes on with Enter. */
export async function type(page: Page, label: string, text: string, { send = true } = {}): Promise<void> {
    await tabTo(page, page.getByLabel(label, { exact: true }));
    await page.keyboard.type(text);
    if (send) await page.keyboard.press('Enter');
}

/** Goes to a link or button, and presses it. */
export async function press(page: Page, thing: Locator): Promise<void> {
    await tabTo(page, thing);
    await page.keyboard.press('Enter');
}
