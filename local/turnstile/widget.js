// Inside the widget's frame: a box to tick, which asks the stand-in for a token and hands it to the page around. Who that page
// is the browser says (the message's origin), and nobody else. Served as /turnstile/v0/widget.js.
const LIFE_MS = 300_000;
const box = document.getElementById('human');
const said = document.getElementById('said');
let shown;
let page;
let expiry;

function answer(message) {
    page.source.postMessage(message, page.origin);
}

async function solve() {
    said.textContent = 'Verifying…';
    const response = await fetch('/turnstile/v0/challenge', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
            sitekey: shown.sitekey,
            hostname: new URL(page.origin).hostname,
            action: shown.action,
            cdata: shown.cData
        })
    });
    const { token, code } = await response.json();
    if (!response.ok) {
        box.checked = false;
        said.textContent = `Error ${code}`;
        answer({ turnstile: 'failed', code });
        return;
    }
    box.checked = true;
    box.disabled = true;
    said.textContent = 'Success!';
    answer({ turnstile: 'solved', token });
    clearTimeout(expiry);
    expiry = setTimeout(() => {
        answer({ turnstile: 'expired' });
        begin();
    }, LIFE_MS);
}

function begin() {
    clearTimeout(expiry);
    box.checked = false;
    box.disabled = false;
    said.textContent = '';
    void fetch(`/turnstile/v0/widgets/${encodeURIComponent(shown.sitekey)}`)
        .then((response) => response.json())
        .then(({ manner, isVisible }) => {
            if (isVisible === false) answer({ turnstile: 'hidden' });
            if (manner !== 'asks') return solve();
        });
}

box.addEventListener('change', () => {
    if (box.checked) void solve();
});
window.addEventListener('message', ({ origin, source, data }) => {
    if (source !== window.parent || data.turnstile !== 'show') return;
    page = { origin, source };
    shown = data;
    document.documentElement.dataset.theme = data.theme;
    begin();
});
