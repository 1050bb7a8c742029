/** The pages of a stand-in. They work without scripts and never pretend to be the provider they stand in for. */
import { html } from 'hono/html';
import type { Person } from './people.ts';

/** Served as /page.css. */
export const STYLE = `
:root { color-scheme: light dark; --paper: #faf8f3; --card: #fff; --line: #d9d4c7; --control: #857f70; --ink: #15181d;
    --ink-2: #4b5059; --note: #ffefc7; --note-ink: #7a4e00; --focus: #ff7a1a; }
@media (prefers-color-scheme: dark) { :root { --paper: #101418; --card: #181e24; --line: #2d3640; --control: #7c8794;
    --ink: #f1f3f5; --ink-2: #b0b9c3; --note: #33260a; --note-ink: #f5c35b; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 17px/26px system-ui, sans-serif; }
main { max-width: 30rem; margin: 0 auto; padding: 24px 16px 48px; }
h1 { font-size: 26px; line-height: 32px; margin: 24px 0 8px; }
h2 { font-size: 17px; margin: 0 0 12px; }
p { margin: 0 0 16px; }
.long { overflow-wrap: anywhere; }
.note { background: var(--note); color: var(--note-ink); border-radius: 6px; padding: 12px 16px; }
.quiet { color: var(--ink-2); }
ul { list-style: none; margin: 0 0 24px; padding: 0; background: var(--card); border: 1px solid var(--line);
    border-radius: 10px; overflow: hidden; }
li + li { border-top: 1px solid var(--line); }
li button { display: block; width: 100%; min-height: 64px; padding: 12px 16px; text-align: left; border: 0;
    background: none; color: inherit; font: inherit; cursor: pointer; overflow-wrap: anywhere; }
li button:hover { background: var(--paper); }
li strong, li span { display: block; }
li span, .hint { color: var(--ink-2); font-size: 15px; line-height: 22px; }
section, fieldset { margin: 0 0 24px; padding: 16px; background: var(--card); border: 1px solid var(--line);
    border-radius: 10px; }
legend { padding: 0 4px; font-weight: 650; }
label { display: block; margin: 0 0 16px; font-weight: 600; }
label.choice { display: grid; grid-template-columns: 24px 1fr; gap: 0 8px; font-weight: 400; min-height: 48px; }
label.choice input { width: 20px; height: 20px; margin: 3px 0 0; }
label.choice span { overflow-wrap: anywhere; }
input[type='text'], input[type='email'] { display: block; width: 100%; min-height: 48px; margin-top: 4px;
    padding: 8px 12px; border: 1px solid var(--control); border-radius: 6px; background: var(--paper);
    color: inherit; font: inherit; font-weight: 400; }
button.main, button.plain { width: 100%; min-height: 48px; border-radius: 6px; font: inherit; font-weight: 650;
    cursor: pointer; }
button.main { border: 1px solid var(--ink); background: var(--ink); color: var(--paper); }
button.plain { border: 1px solid var(--control); background: none; color: inherit; }
.apart { margin-top: 16px; }
dt { color: var(--ink-2); font-size: 15px; }
dd { margin: 0 0 16px; overflow-wrap: anywhere; }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
`;

/** Served as /page.js: posts Apple's answer on without a click where scripts run; the button stays for the rest. */
export const SCRIPT = "document.getElementById('answer')?.submit();\n";

/**
 * Browsers apply form-action to every redirect behind a form too, and the app's own address at the end of that chain
 * is not known here; all the rest is closed.
 */
export const SECURITY_HEADERS: Record<string, string> = {
    'content-security-policy': [
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        'img-src data:',
        "form-action 'self' http: https:",
        "base-uri 'none'",
        "frame-ancestors 'none'"
    ].join('; '),
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store'
};

type Html = ReturnType<typeof html>;

function page(provider: string, title: string, body: Html): Html {
    return html`<!doctype html>
        <html lang="en-GB">
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <title>${title} – stand-in for ${provider}</title>
                <link rel="icon" href="data:," />
                <link rel="stylesheet" href="/page.css" />
            </head>
            <body>
                <main>
                    <p class="note">
                        <strong>Not ${provider}.</strong> This page stands in for ${provider} in local mode.
                        The people on it are made up, and nothing you type leaves this computer.
                    </p>
                    <h1>${title}</h1>
                    ${body}
                </main>
            </body>
        </html>`;
}

const hidden = (request: string): Html => html`<input type="hidden" name="request" value="${request}" />`;

/** What can be wrong with an address: not verified, not said whether, not told; or with the whole answer: not signed, out of date. */
export type Offer = 'unverified' | 'unsaid' | 'missing' | 'unsigned' | 'stale';

export type Choice = {
    provider: string;
    app: string;
    /** The sealed request, which every form of the page carries. */
    request: string;
    people: readonly Person[];
    /** What may be said of somebody who is typed in. */
    offers: readonly Offer[];
    problem?: string;
};

const OFFERED: Record<Offer, (provider: string) => string> = {
    unverified: (provider) => `${provider} has not verified this address`,
    unsaid: (provider) => `${provider} does not say whether it has`,
    missing: (provider) => `${provider} tells the app no address at all`,
    unsigned: (provider) => `${provider} does not sign what it says`,
    stale: (provider) => `${provider} says it an hour late`
};

function saidOf(person: Person): string {
    if (person.addressMissing) return ' · no address';
    if (person.proofUnsaid) return ' · whether verified is not said';
    return person.emailVerified === false ? ' · address not verified' : '';
}

/** Choose a person, add another, or deny. */
export function choicePage({ provider, app, request, people, offers, problem }: Choice): Html {
    return page(
        provider,
        'Choose an account',
        html`<p class="quiet">to go on to <strong>${app}</strong></p>
            ${problem ? html`<p class="note" role="alert">${problem}</p>` : ''}
            <form method="post" action="/authorize">
                ${hidden(request)}
                <ul>
                    ${people.map(
                        (person) =>
                            html` <li>
                                <button name="email" value="${person.email}">
                                    <strong>${person.name}</strong
                                    ><span>${person.email}${saidOf(person)}</span>
                                </button>
                            </li>`
                    )}
                </ul>
            </form>
            <section>
                <h2>Someone else</h2>
                <form method="post" action="/authorize">
                    ${hidden(request)}
                    <label
                        >Name <input type="text" name="name" autocomplete="off" required maxlength="80"
                    /></label>
                    <label
                        >E-mail address
                        <input type="email" name="email" autocomplete="off" required maxlength="255"
                    /></label>
                    ${offers.map(
                        (offer) =>
                            html`<label class="choice"
                                ><input type="checkbox" name="${offer}" value="yes" />
                                <span>${OFFERED[offer](provider)}</span></label
                            >`
                    )}
                    <button class="main">Continue as this person</button>
                </form>
            </section>
            <form method="post" action="/authorize">
                ${hidden(request)} <button class="plain" name="deny" value="yes">Cancel and go back</button>
            </form>`
    );
}

export type ConsentAsk = { provider: string; app: string; request: string; person: Person; relay: string };

/** Apple's question at the first sign-in to an app: which name, and which address. */
export function consentPage({ provider, app, request, person, relay }: ConsentAsk): Html {
    return page(
        provider,
        `Share with ${app}`,
        html`<p class="quiet">You are asked this once. Later sign-ins share no name.</p>
            <form method="post" action="/authorize">
                ${hidden(request)}
                <label
                    >Name
                    <input
                        type="text"
                        name="name"
                        value="${person.name}"
                        autocomplete="off"
                        required
                        maxlength="80"
                /></label>
                <fieldset>
                    <legend>E-mail address</legend>
                    <label class="choice"
                        ><input type="radio" name="share" value="email" checked />
                        <span>Share my address<br /><span class="hint">${person.email}</span></span></label
                    >
                    <label class="choice"
                        ><input type="radio" name="share" value="relay" />
                        <span>Hide my address<br /><span class="hint">${relay}</span></span></label
                    >
                </fieldset>
                <button class="main" name="agree" value="yes">Continue</button>
            </form>
            <form method="post" action="/authorize" class="apart">
                ${hidden(request)} <button class="plain" name="deny" value="yes">Cancel and go back</button>
            </form>`
    );
}

/** response_mode=form_post (OAuth 2.0 Form Post Response Mode): the answer travels in a form of its own. */
export function formPostPage(provider: string, target: string, fields: Record<string, string>): Html {
    const inputs = Object.entries(fields).map(
        ([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`
    );
    return page(
        provider,
        'Going back',
        html`<form id="answer" method="post" action="${target}">
                ${inputs} <button class="main">Continue</button>
            </form>
            <script src="/page.js" defer></script>`
    );
}

/** A request that can't be answered by redirecting, because where to is exactly what is wrong. */
export function problemPage(provider: string, sentence: string): Html {
    return page(provider, 'This request can’t be used', html`<p>${sentence}</p>`);
}

/** What an owner of a business copies from its identity provider into the app: there is one app here, and it is registered. */
export function registrationPage(
    provider: string,
    app: { issuer: string; clientId: string; clientSecret: string }
): Html {
    return page(
        provider,
        'The app is registered here',
        html`<p>A business that wants to sign its people in by this page types this into the app:</p>
            <dl>
                <dt>Issuer</dt>
                <dd>${app.issuer}</dd>
                <dt>Client ID</dt>
                <dd>${app.clientId}</dd>
                <dt>Client secret</dt>
                <dd>${app.clientSecret}</dd>
            </dl>`
    );
}

/** The same, of a provider that is known by its metadata. */
export function metadataPage(provider: string, metadataUrl: string): Html {
    return page(
        provider,
        'Any app is answered here',
        html`<p>A business that wants to sign its people in by this page types this into the app:</p>
            <dl>
                <dt>Address of the metadata</dt>
                <dd>${metadataUrl}</dd>
            </dl>`
    );
}

/** What somebody sees who opens the stand-in's address by itself. */
export function homePage(provider: string): Html {
    return page(provider, 'Nothing to do here', html`<p>Open the app and sign in from there.</p>`);
}
