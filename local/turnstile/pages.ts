/** The widget's frame. It says what it is, is worked by keyboard, and reads as well in the dark. */
import { html } from 'hono/html';

/** Served as /turnstile/v0/widget.css. */
export const STYLE = `
:root { color-scheme: light dark; --card: #fff; --line: #857f70; --ink: #15181d; --quiet: #4b5059; --focus: #a84a00; }
@media (prefers-color-scheme: dark) { :root:not([data-theme='light']) { --card: #181e24; --line: #7c8794; --ink: #f1f3f5;
    --quiet: #b0b9c3; --focus: #ff8b3d; } }
:root[data-theme='dark'] { color-scheme: dark; --card: #181e24; --line: #7c8794; --ink: #f1f3f5; --quiet: #b0b9c3;
    --focus: #ff8b3d; }
:root[data-theme='light'] { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; height: 65px; display: flex; gap: 8px; align-items: center; justify-content: space-between;
    padding: 0 12px; border: 1px solid var(--line); background: var(--card); color: var(--ink);
    font: 15px/20px system-ui, sans-serif; }
label { display: flex; gap: 10px; align-items: center; min-height: 48px; }
input { width: 24px; height: 24px; margin: 0; }
input:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
p { margin: 0; color: var(--quiet); font-size: 14px; text-align: right; }
@media (max-width: 200px) { body { height: 140px; flex-direction: column; justify-content: center; } }
`;

/**
 * Anybody's page may show it, also one that isolates itself from other origins; the frame itself runs its own script and
 * speaks to its own server.
 */
export const FRAME_HEADERS: Record<string, string> = {
    'content-security-policy': [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        'img-src data:',
        "base-uri 'none'",
        "form-action 'none'"
    ].join('; '),
    'cross-origin-embedder-policy': 'require-corp',
    'cross-origin-resource-policy': 'cross-origin',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store'
};

/** The frame's page. */
export function framePage() {
    return html`<!doctype html>
        <html lang="en-GB">
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <title>Stand-in for Turnstile</title>
                <link rel="icon" href="data:," />
                <link rel="stylesheet" href="/turnstile/v0/widget.css" />
            </head>
            <body>
                <label><input id="human" type="checkbox" /> Verify you are human</label>
                <p><span id="said" role="status"></span><br />Not Cloudflare: stand-in</p>
                <script src="/turnstile/v0/widget.js"></script>
            </body>
        </html>`;
}
