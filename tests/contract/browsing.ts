// A person at a stand-in's page, without a browser: reads its forms and sends them as a browser without scripts would.

export type Page = { url: string; html: string; status: number };

const decode = (text: string): string =>
    text
        .replaceAll('&quot;', '"')
        .replaceAll('&#39;', "'")
        .replaceAll('&lt;', '<')
        .replaceAll('&gt;', '>')
        .replaceAll('&amp;', '&');

const attribute = (tag: string, name: string): string | undefined => {
    const value = new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1];
    return value === undefined ? undefined : decode(value);
};

/** Opens a page; a redirect is not followed. */
export async function open(url: string, init: RequestInit = {}): Promise<Page & { location: URL | null }> {
    const answer = await fetch(url, { redirect: 'manual', ...init });
    const location = answer.headers.get('location');
    return {
        url,
        html: await answer.text(),
        status: answer.status,
        location: location ? new URL(location, url) : null
    };
}

export type Form = { action: string; fields: Record<string, string> };

/** The form of a page that has a control of that name (and value), with its hidden fields filled in. */
export function formWith(page: Page, name: string, value?: string): Form {
    for (const [form] of page.html.matchAll(/<form[\s\S]*?<\/form>/g)) {
        const controls = [...form.matchAll(/<(?:input|button)[^>]*>/g)].map(([tag]) => tag);
        const found = controls.some(
            (tag) =>
                attribute(tag, 'name') === name && (value === undefined || attribute(tag, 'value') === value)
        );
        if (!found) continue;
        const hidden = controls.filter((tag) => attribute(tag, 'type') === 'hidden');
        const action = new URL(attribute(form, 'action') ?? '', page.url).href;
        return {
            action,
            fields: Object.fromEntries(
                hidden.map((tag) => [attribute(tag, 'name') ?? '', attribute(tag, 'value') ?? ''])
            )
        };
    }
    throw new Error(`The page at ${page.url} has no form with ${name}: ${page.html.slice(0, 2000)}`);
}

export const send = (form: Form, fields: Record<string, string> = {}) =>
    open(form.action, { method: 'POST', body: new URLSearchParams({ ...form.fields, ...fields }) });

export type Choice = {
    email: string;
    name?: string;
    unverified?: boolean;
    /** Microsoft does not say whether the address is proven. */
    unsaid?: boolean;
    /** Microsoft tells no address. */
    missing?: boolean;
    relay?: boolean;
};

/** Chooses or adds a person, agrees where asked, and returns the answer on its way back to the app. */
export async function choosePerson(authorizeUrl: string, choice: Choice) {
    const page = await open(authorizeUrl);
    const control = choice.name ? 'name' : 'email';
    const picked = await send(formWith(page, control, choice.name ? undefined : choice.email), {
        email: choice.email,
        ...(choice.name ? { name: choice.name } : {}),
        ...(choice.unverified ? { unverified: 'yes' } : {}),
        ...(choice.unsaid ? { unsaid: 'yes' } : {}),
        ...(choice.missing ? { missing: 'yes' } : {})
    });
    if (!picked.html.includes('name="share"')) return picked;
    return send(formWith(picked, 'share'), {
        ...(choice.name ? { name: choice.name } : {}),
        share: choice.relay ? 'relay' : 'email',
        agree: 'yes'
    });
}

export async function deny(authorizeUrl: string) {
    return send(formWith(await open(authorizeUrl), 'deny'), { deny: 'yes' });
}
