/** The widgets that the stand-in knows: the published keys for testing, and the one that the stack made up for its app. */

/** How a widget behaves when it is shown. */
export type Manner = 'asks' | 'passes' | 'fails';

export type Widget = { readonly siteKey: string; readonly manner: Manner; readonly isVisible: boolean };

/** "Testing": https://developers.cloudflare.com/turnstile/troubleshooting/testing/ */
export const DUMMY_WIDGETS: readonly Widget[] = [
    { siteKey: '1x00000000000000000000AA', manner: 'passes', isVisible: true },
    { siteKey: '2x00000000000000000000AB', manner: 'fails', isVisible: true },
    { siteKey: '1x00000000000000000000BB', manner: 'passes', isVisible: false },
    { siteKey: '2x00000000000000000000BB', manner: 'fails', isVisible: false },
    { siteKey: '3x00000000000000000000FF', manner: 'asks', isVisible: true }
];

/** What the secret keys for testing say to the token of the site keys for testing, and to no other. */
export const DUMMY_SECRETS: ReadonlyMap<string, 'passes' | 'fails' | 'spent'> = new Map([
    ['1x0000000000000000000000000000000AA', 'passes'],
    ['2x0000000000000000000000000000000AA', 'fails'],
    ['3x0000000000000000000000000000000AA', 'spent']
]);

export const DUMMY_TOKEN = 'XXXX.DUMMY.TOKEN.XXXX';

/** A widget of one's own: its pair of keys, and the hostnames whose pages may show it. */
export type OwnWidget = {
    readonly siteKey: string;
    readonly secretKey: string;
    readonly hostnames: readonly string[];
};

/** The widget of a site key, or null for one that nobody has. */
export function widgetOf(siteKey: string, own: OwnWidget): Widget | null {
    if (siteKey === own.siteKey) return { siteKey, manner: 'asks', isVisible: true };
    return DUMMY_WIDGETS.find((widget) => widget.siteKey === siteKey) ?? null;
}
