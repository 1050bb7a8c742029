// How much script a page makes a phone load: everything its head and HTML name, and what those files name in turn.
import { get } from 'node:http';

export type Weight = { files: number; gzip_kib: number; brotli_kib: number };

/** Bytes as they go over the line, which fetch would unpack. */
function raw(url: URL, encoding: string): Promise<Buffer> {
    return new Promise((resolve, reject) => {
        get(url, { headers: { 'accept-encoding': encoding } }, (response) => {
            if (response.statusCode !== 200) {
                response.resume();
                reject(new Error(`${url.pathname} answered ${response.statusCode}`));
                return;
            }
            const chunks: Buffer[] = [];
            response.on('data', (chunk: Buffer) => chunks.push(chunk));
            response.on('end', () => resolve(Buffer.concat(chunks)));
            response.on('error', reject);
        }).on('error', reject);
    });
}

/** Addresses of the scripts that a page preloads, in its header or its HTML, loads, or imports from a script of its own. */
function namedIn(html: string, header: string, page: URL): URL[] {
    const early = [...header.matchAll(/<([^>]+)>;[^,]*\brel="?modulepreload"?/g)].map(([, path]) => path);
    const links = [...html.matchAll(/<link\b[^>]*\brel="modulepreload"[^>]*>/g)].map(
        ([tag]) => /\bhref="([^"]+)"/.exec(tag)?.[1]
    );
    const scripts = [...html.matchAll(/<script\b[^>]*\bsrc="([^"]+)"/g)].map(([, src]) => src);
    const imports = [...html.matchAll(/\bimport\(\s*["']([^"']+\.js)["']\s*\)/g)].map(([, path]) => path);
    return [...early, ...links, ...scripts, ...imports].flatMap((path) =>
        path ? [new URL(path, page)] : []
    );
}

/** What a script can't run without: static imports, not those it may ask for later. */
function importedBy(text: string, file: URL): URL[] {
    const found = text.matchAll(/\b(?:from|import)\s*["'](\.{1,2}\/[^"']+\.js)["']/g);
    return [...found].flatMap(([, path]) => (path ? [new URL(path, file)] : []));
}

/** The script of a page, compressed as it is sent. */
export async function weightOf(page: Response): Promise<Weight> {
    const html = await page.text();
    if (!page.ok) throw new Error(`${page.url} answered ${page.status}: ${html}`);
    const seen = new Map<string, URL>();
    const todo = namedIn(html, page.headers.get('link') ?? '', new URL(page.url));
    for (let url = todo.pop(); url; url = todo.pop()) {
        if (seen.has(url.href)) continue;
        seen.set(url.href, url);
        todo.push(...importedBy((await raw(url, 'identity')).toString(), url));
    }
    const kib = async (encoding: string): Promise<number> => {
        const bodies = await Promise.all([...seen.values()].map((url) => raw(url, encoding)));
        const bytes = bodies.reduce((sum, body) => sum + body.byteLength, 0);
        return Math.round((bytes / 1024) * 10) / 10;
    };
    return { files: seen.size, gzip_kib: await kib('gzip'), brotli_kib: await kib('br') };
}
