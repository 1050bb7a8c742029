/** The frame of every hosted page: banner, policy, style. No page here needs or carries a script. */
import { html } from 'hono/html';
import type { Context } from 'hono';
import type { HtmlEscapedString } from 'hono/utils/html';

export type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

type Page = {
    title: string;
    main: Html;
    status?: 200 | 404 | 410 | 422;
    /** Addresses a form's answer may redirect to: browsers hold redirects against form-action too. */
    leadsTo?: readonly (string | null)[];
};

/** Answers with a page under its own strict policy. */
export function showPage(context: Context, page: Page): Response | Promise<Response> {
    const targets = new Set(
        (page.leadsTo ?? []).flatMap((address) =>
            address && URL.canParse(address) ? [new URL(address).origin] : []
        )
    );
    context.header(
        'content-security-policy',
        [
            "default-src 'none'",
            "style-src 'self'",
            "img-src 'self'",
            ['form-action', "'self'", ...targets].join(' '),
            "base-uri 'none'",
            "frame-ancestors 'none'"
        ].join('; ')
    );
    context.header('x-content-type-options', 'nosniff');
    context.header('x-frame-options', 'DENY');
    // Not no-referrer: under that a browser sends `Origin: null` with the page's own forms.
    context.header('referrer-policy', 'same-origin');
    context.header('permissions-policy', 'camera=(), geolocation=(), microphone=(), payment=()');
    context.header('cache-control', 'no-store');
    return context.html(
        html`<!doctype html>
            <html lang="en-GB">
                <head>
                    <meta charset="utf-8" />
                    <meta name="viewport" content="width=device-width, initial-scale=1" />
                    <meta name="color-scheme" content="light dark" />
                    <title>${page.title}</title>
                    <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
                    <link rel="stylesheet" href="/stand-in.css" />
                </head>
                <body>
                    <header class="banner">
                        <strong>Stand-in for Stripe.</strong> No money moves here, and no real card works.
                    </header>
                    <main>${page.main}</main>
                </body>
            </html>`,
        page.status ?? 200
    );
}

/** A page that only says something, with at most one way on. */
export function showMessage(
    context: Context,
    message: { title: string; text: string; status?: Page['status']; way?: { to: string; label: string } }
): Response | Promise<Response> {
    return showPage(context, {
        title: message.title,
        status: message.status,
        main: html`<section class="panel">
            <h1>${message.title}</h1>
            <p>${message.text}</p>
            ${message.way ? html`<p><a class="button quiet" href="${message.way.to}">${message.way.label}</a></p>` : ''}
        </section>`
    });
}

/** A page that is not there. */
export function showNothing(context: Context): Response | Promise<Response> {
    return showMessage(context, {
        title: 'There is nothing here',
        text: 'Check the address, or go back to the business that sent you.',
        status: 404
    });
}

/**
 * What this very site's page sent, or null for anything else: a form elsewhere may not pay or onboard for anybody.
 */
export async function ownForm(context: Context): Promise<FormData | null> {
    const origin = context.req.header('origin');
    if (origin !== undefined && origin !== new URL(context.req.url).origin) return null;
    const type = context.req.header('content-type') ?? '';
    return type.startsWith('application/x-www-form-urlencoded') ? context.req.formData() : null;
}

export const FAVICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="6" fill="#3d3a8c"/><path d="M8 11h16v10H8z" fill="none" stroke="#fff" stroke-width="2"/><path d="M8 15h16" stroke="#fff" stroke-width="3"/></svg>`;

export const STYLE = `
:root {
    color-scheme: light dark;
    --page: #f6f7fb; --panel: #ffffff; --ink: #1a1c2b; --ink-2: #4a4e66; --line: #d5d8e6; --control: #777c99;
    --act: #3d3a8c; --on-act: #ffffff; --bad: #9c1c1c; --bad-bg: #fdeaea; --note: #fff3cf; --on-note: #4d3800;
}
@media (prefers-color-scheme: dark) {
    :root {
        --page: #11131c; --panel: #1a1d2a; --ink: #f0f1f7; --ink-2: #b4b8cc; --line: #343950; --control: #8a90ad;
        --act: #b3b0ff; --on-act: #15162a; --bad: #ffa29b; --bad-bg: #3a1618; --note: #33290a; --on-note: #f7dc8c;
    }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 17px/1.5 system-ui, sans-serif; }
.banner { margin: 0; padding: 8px 16px; background: var(--note); color: var(--on-note); text-align: center; font-size: 15px; }
main { max-width: 960px; margin: 0 auto; padding: 16px; display: grid; gap: 16px; }
@media (min-width: 800px) { main { grid-template-columns: 1fr 1fr; padding: 40px 24px; align-items: start; } main > .panel:only-child { grid-column: 1 / -1; max-width: 560px; width: 100%; margin: 0 auto; } }
.panel { background: var(--panel); border: 1px solid var(--line); border-radius: 10px; padding: 20px; min-width: 0; overflow-wrap: anywhere; }
h1 { font-size: 22px; line-height: 1.25; margin: 0 0 8px; }
h2 { font-size: 18px; margin: 0 0 12px; }
p { margin: 0 0 12px; }
.amount { font-size: 36px; line-height: 1.2; font-weight: 650; font-variant-numeric: tabular-nums; margin: 0 0 16px; }
.lines { list-style: none; margin: 0 0 16px; padding: 0; border-top: 1px solid var(--line); }
.lines li { display: flex; justify-content: space-between; gap: 16px; padding: 10px 0; border-bottom: 1px solid var(--line); }
.lines span:last-child { font-variant-numeric: tabular-nums; white-space: nowrap; }
.quiet-text { color: var(--ink-2); font-size: 15px; }
a { color: var(--act); }
label { display: block; font-weight: 600; margin: 0 0 4px; }
.field { margin: 0 0 16px; }
.field .hint { color: var(--ink-2); font-size: 15px; margin: 4px 0 0; }
.field .wrong { color: var(--bad); font-size: 15px; margin: 4px 0 0; font-weight: 600; }
input { width: 100%; min-height: 48px; padding: 8px 12px; font: inherit; color: inherit; background: var(--panel); border: 1px solid var(--control); border-radius: 6px; }
input[aria-invalid] { border: 2px solid var(--bad); }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 12px; }
.problem { background: var(--bad-bg); color: var(--bad); border: 1px solid currentColor; border-radius: 6px; padding: 12px; margin: 0 0 16px; }
.problem p { margin: 0; }
button, .button { display: block; width: 100%; min-height: 48px; padding: 11px 16px; font: inherit; font-weight: 650; text-align: center; text-decoration: none; border: 1px solid var(--act); border-radius: 6px; background: var(--act); color: var(--on-act); cursor: pointer; }
button + button { margin-top: 12px; }
button.quiet, .button.quiet { background: transparent; color: var(--act); }
:focus-visible { outline: 3px solid var(--act); outline-offset: 2px; }
details { margin-top: 16px; }
summary { min-height: 48px; padding: 12px 0; cursor: pointer; color: var(--act); }
table { width: 100%; border-collapse: collapse; font-size: 15px; }
th, td { text-align: left; padding: 6px 8px 6px 0; border-bottom: 1px solid var(--line); vertical-align: top; font-weight: 400; }
td { font-variant-numeric: tabular-nums; }
dl { display: grid; grid-template-columns: auto 1fr; gap: 4px 16px; margin: 0 0 16px; }
dt { color: var(--ink-2); } dd { margin: 0; }
`;
