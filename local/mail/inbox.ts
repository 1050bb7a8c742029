// The inbox as a person sees it, on any screen and without JavaScript. A message's HTML is somebody else's page: it is
// shown in a frame without scripts, forms, cookies or a way out but links that open elsewhere.
import { Hono } from 'hono';
import { html, raw } from 'hono/html';
import { style } from './style.ts';
import type { MailStore, Message } from './store.ts';

type Html = ReturnType<typeof html>;

const pageSize = 50;
const pagePolicy =
    "default-src 'none'; style-src 'self'; img-src data:; frame-src 'self'; form-action 'self'; " +
    "base-uri 'none'; frame-ancestors 'none'";
const messagePolicy =
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src data: http: https:; " +
    "font-src data: http: https:; style-src 'unsafe-inline' http: https:; frame-ancestors 'self'";
const time = new Intl.DateTimeFormat('en-GB', {
    dateStyle: 'medium',
    timeStyle: 'short',
    timeZone: 'Europe/London'
});

/** The pages: list, message, and what a message holds. */
export function inboxRoutes(store: MailStore): Hono {
    const app = new Hono();
    app.use(async (c, next) => {
        await next();
        if (!c.res.headers.has('content-security-policy')) c.header('content-security-policy', pagePolicy);
        c.header('x-content-type-options', 'nosniff');
        c.header('referrer-policy', 'no-referrer');
        c.header('cache-control', 'no-store');
    });

    app.get('/style.css', (c) => c.body(style, 200, { 'content-type': 'text/css; charset=utf-8' }));

    app.get('/', (c) => {
        const to = c.req.query('to')?.trim() ?? '';
        const before = Number(c.req.query('before')) || undefined;
        const found = store.messages({ to: to || undefined, before, limit: pageSize + 1 });
        return c.html(page(to === '' ? 'Inbox' : `Inbox of ${to}`, listing(found, to, before !== undefined)));
    });

    app.get('/messages/:id', (c) => {
        const message = store.message(c.req.param('id'));
        return message
            ? c.html(page(message.subject, reading(message)))
            : c.html(
                  page('Not found', html`<p>This message is not here. It may have been cleared.</p>`),
                  404
              );
    });

    app.get('/messages/:id/html', (c) => {
        const message = store.message(c.req.param('id'));
        if (!message?.html) return c.notFound();
        // Links open beside the inbox, not inside the frame.
        return c.html(`<base target="_blank">${message.html}`, 200, {
            'content-security-policy': messagePolicy
        });
    });

    app.get('/messages/:id/attachments/:position', (c) => {
        const found = store.attachment(c.req.param('id'), Number(c.req.param('position')));
        if (!found) return c.notFound();
        return c.body(Uint8Array.from(found.content), 200, {
            'content-type': found.content_type,
            'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(found.filename)}`,
            'content-security-policy': "sandbox; default-src 'none'"
        });
    });

    return app;
}

function page(title: string, body: Html) {
    return html`<!doctype html>
        <html lang="en-GB">
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <title>${title} · Mail stand-in</title>
                <link rel="icon" href="data:," />
                <link rel="stylesheet" href="/style.css" />
            </head>
            <body>
                <header>
                    <p class="notice">Stand-in for the mail provider: nothing leaves this machine.</p>
                </header>
                <main>
                    <h1>${title}</h1>
                    ${body}
                </main>
            </body>
        </html>`;
}

function listing(found: Message[], to: string, isLaterPage: boolean): Html {
    const shown = found.slice(0, pageSize);
    const last = shown.at(-1);
    const query = to === '' ? '' : `to=${encodeURIComponent(to)}&`;
    return html`
        <form class="search" method="get" action="/" role="search">
            <label for="to">Address</label>
            <div class="row">
                <input id="to" name="to" type="email" value="${to}" autocomplete="off" inputmode="email" />
                <button>Show</button>
            </div>
        </form>
        <p class="tools">
            <a href="/${to === '' ? '' : `?to=${encodeURIComponent(to)}`}">Look for new mail</a>
            ${to === '' ? '' : html`<a href="/">All addresses</a>`}
        </p>
        ${
            shown.length === 0
                ? html`<p class="empty">
                      ${to === '' ? 'No mail has been sent yet.' : 'Nothing has been sent to this address.'}
                  </p>`
                : html`<ul class="messages">
                      ${shown.map(item)}
                  </ul>`
        }
        <p class="tools">
            ${isLaterPage ? html`<a href="/?${raw(query)}">Newest</a>` : ''}
            ${found.length > pageSize && last ? html`<a href="/?${raw(query)}before=${last.seq}">Older</a>` : ''}
        </p>
    `;
}

function item(message: Message): Html {
    return html`<li>
        <a href="/messages/${message.id}">
            <span class="subject">${message.subject}</span>
            <span class="to">to ${message.to.join(', ')}</span>
            <span class="meta">
                ${moment(message.created_at)}${attachmentCount(message)}${
                    message.last_event === 'delivered' ? '' : html` · <strong>${message.last_event}</strong>`
                }
            </span>
        </a>
    </li>`;
}

function reading(message: Message): Html {
    return html`
        <p class="tools"><a href="/">All mail</a></p>
        <dl>
            ${entry('From', message.from)} ${entry('To', message.to.join(', '))}
            ${entry('Copy to', message.cc.join(', '))} ${entry('Blind copy to', message.bcc.join(', '))}
            ${entry('Reply to', message.reply_to.join(', '))} ${entry('Sent', moment(message.created_at))}
            ${entry('Became', message.last_event)}
            ${entry('Tags', message.tags.map((tag) => `${tag.name}: ${tag.value}`).join(', '))}
        </dl>
        ${
            message.attachments.length === 0
                ? ''
                : html`<h2>Attachments</h2>
                      <ul class="attachments">
                          ${message.attachments.map(
                              (attachment, position) =>
                                  html`<li>
                                      <a href="/messages/${message.id}/attachments/${position}" download>
                                          ${attachment.filename}
                                      </a>
                                      ${size(attachment.size)}
                                  </li>`
                          )}
                      </ul>`
        }
        ${
            message.html
                ? html`<h2>As it looks</h2>
                      <iframe
                          src="/messages/${message.id}/html"
                          title="The message as it looks"
                          sandbox="allow-popups allow-popups-to-escape-sandbox"
                      ></iframe>`
                : ''
        }
        ${
            message.text
                ? html`<h2>As plain text</h2>
                      <pre>${linked(message.text)}</pre>`
                : ''
        }
    `;
}

function entry(name: string, value: string | Html) {
    return value === ''
        ? ''
        : html`<div>
              <dt>${name}</dt>
              <dd>${value}</dd>
          </div>`;
}

function moment(iso: string): Html {
    return html`<time datetime="${iso}">${time.format(new Date(iso))}</time>`;
}

function attachmentCount(message: Message): string {
    const count = message.attachments.length;
    return count === 0 ? '' : ` · ${count} attachment${count === 1 ? '' : 's'}`;
}

function size(bytes: number): string {
    return bytes < 1000 ? `${bytes} bytes` : `${(bytes / 1000).toFixed(1)} kB`;
}

/** The text with its web addresses as links. What surrounds them is escaped by the template. */
function linked(text: string): (string | Html)[] {
    return text
        .split(/(https?:\/\/[^\s<>"]*[^\s<>"'.,;:!?)\]])/)
        .map((part, index) =>
            index % 2 === 1 ? html`<a href="${part}" rel="noreferrer">${part}</a>` : part
        );
}
