/** The page of the stand-in for the DNS: what stands there, and a form for what a domain's owner would add at their registrar. */
import { html } from 'hono/html';
import { STYLE } from '../oidc/pages.ts';

export { STYLE };

export const SECURITY_HEADERS: Record<string, string> = {
    'content-security-policy': [
        "default-src 'none'",
        "style-src 'self'",
        'img-src data:',
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'"
    ].join('; '),
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store'
};

type Html = ReturnType<typeof html>;

/** Every record there is, and room for one more. */
export function recordsPage(records: readonly { name: string; value: string }[], problem?: string): Html {
    return html`<!doctype html>
        <html lang="en-GB">
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <title>TXT records – stand-in for the DNS</title>
                <link rel="icon" href="data:," />
                <link rel="stylesheet" href="/page.css" />
            </head>
            <body>
                <main>
                    <p class="note">
                        <strong>Not the DNS.</strong> This page stands in for it in local mode: a record that
                        you add here is found by the app on this computer, and by nobody else.
                    </p>
                    <h1>TXT records</h1>
                    ${problem ? html`<p class="note" role="alert">${problem}</p>` : ''}
                    ${records.length === 0 ? html`<p class="quiet">There are none yet.</p>` : ''}
                    ${records.map(
                        ({ name, value }) =>
                            html`<form method="post" action="/records/remove">
                                <section>
                                    <input type="hidden" name="name" value="${name}" />
                                    <input type="hidden" name="value" value="${value}" />
                                    <h2>${name}</h2>
                                    <p class="quiet long">${value}</p>
                                    <button class="plain" aria-label="Remove the record of ${name}">
                                        Remove
                                    </button>
                                </section>
                            </form>`
                    )}
                    <form method="post" action="/records">
                        <section>
                            <h2>Add a record</h2>
                            <label>Name<input type="text" name="name" autocomplete="off" required /></label>
                            <label>Value<input type="text" name="value" autocomplete="off" required /></label>
                            <button class="main">Add</button>
                        </section>
                    </form>
                </main>
            </body>
        </html>`;
}
