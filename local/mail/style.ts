// How the inbox looks: one column, the machine's own fonts, light and dark.

/** The inbox's stylesheet. */
export const style = `
:root {
    color-scheme: light dark;
    --paper: #f6f6f4; --card: #fff; --ink: #1b1f24; --quiet: #4d545c; --line: #c9ccc8;
    --control: #767c82; --link: #0a5478; --notice: #fff1c9; --notice-ink: #4a3300;
}
@media (prefers-color-scheme: dark) {
    :root {
        --paper: #14181c; --card: #1d2329; --ink: #eef1f4; --quiet: #b3bcc5; --line: #37404a;
        --control: #8b96a2; --link: #86cbe8; --notice: #33280c; --notice-ink: #ffdf92;
    }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 17px/1.5 system-ui, sans-serif; }
.notice { margin: 0; padding: 12px 16px; background: var(--notice); color: var(--notice-ink); font-size: 16px; }
main { max-width: 820px; margin: 0 auto; padding: 16px 16px 64px; }
h1 { margin: 8px 0 16px; font-size: 26px; line-height: 1.25; overflow-wrap: anywhere; }
h2 { margin: 32px 0 8px; font-size: 18px; }
a { color: var(--link); text-underline-offset: 3px; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 4px; }
.search label { display: block; font-weight: 600; margin-bottom: 4px; }
.row { display: flex; gap: 8px; }
input, button { font: inherit; min-height: 48px; border-radius: 6px; border: 1px solid var(--control); padding: 0 12px; }
input { flex: 1; min-width: 0; background: var(--card); color: var(--ink); }
button { background: var(--ink); color: var(--paper); border-color: var(--ink); font-weight: 600; cursor: pointer; }
.tools { display: flex; flex-wrap: wrap; gap: 8px 24px; margin: 12px 0; }
.tools a { display: inline-flex; align-items: center; min-height: 44px; }
.messages, .attachments { list-style: none; margin: 0; padding: 0; }
.messages { border: 1px solid var(--line); border-radius: 8px; background: var(--card); overflow: hidden; }
.messages li + li { border-top: 1px solid var(--line); }
.messages a { display: grid; gap: 2px; padding: 12px 16px; color: inherit; text-decoration: none; }
.messages a:focus-visible { outline-offset: -3px; }
.messages a:hover .subject { text-decoration: underline; }
.subject { font-weight: 600; overflow-wrap: anywhere; }
.to { overflow-wrap: anywhere; }
.meta, .empty { color: var(--quiet); font-size: 15px; }
dl { margin: 0; padding: 12px 16px; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
dl div { display: grid; grid-template-columns: 7em 1fr; gap: 0 12px; padding: 2px 0; }
dt { color: var(--quiet); }
dd { margin: 0; overflow-wrap: anywhere; }
.attachments li { min-height: 44px; display: flex; flex-wrap: wrap; gap: 0 12px; align-items: center; }
iframe { width: 100%; height: 70vh; border: 1px solid var(--line); border-radius: 8px; background: #fff; }
pre {
    margin: 0; padding: 16px; background: var(--card); border: 1px solid var(--line); border-radius: 8px;
    font: 15px/1.5 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere;
}
@media (max-width: 480px) { dl div { grid-template-columns: 1fr; padding: 4px 0; } }
`;
