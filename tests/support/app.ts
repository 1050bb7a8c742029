// Starts the built app as a process of its own, as an operator would, on a stack that already runs.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { StackInfo } from '../../local/stack.ts';

export type RunningApp = {
    url: string;
    pid: number;
    /** The end of what it has logged. */
    said(): string;
    stop(): Promise<void>;
    kill(): Promise<void>;
};

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Starts the app and waits until it answers. `origin` is what people type; it differs from the app's own address when
 * several processes stand behind one name. `projectDir` holds another build than ours (see variant.ts).
 */
export async function startApp(
    stack: StackInfo,
    port: number,
    options: { origin?: string; env?: Record<string, string>; projectDir?: string } = {}
): Promise<RunningApp> {
    const url = options.origin ?? `http://localhost:${port}`;
    const child = spawn(process.execPath, ['src/server.ts'], {
        cwd: options.projectDir ?? root,
        env: {
            ...process.env,
            SUPABASE_URL: stack.apiUrl,
            SUPABASE_PUBLISHABLE_KEY: stack.publishableKey,
            TF_CONTEXT_KEY: stack.env.TF_CONTEXT_KEY ?? '',
            ORIGIN: url,
            HOST: '127.0.0.1',
            PORT: String(port),
            STAND_INS: 'supabase,google,apple,azure,sso,stripe,mail,passwords,dns',
            // Visitors of the tests say which address they come from, as a proxy in front would.
            TRUSTED_PROXIES: '127.0.0.1/32,::1/128',
            ...options.env
        },
        stdio: ['ignore', 'pipe', 'pipe']
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (chunk: string) => {
            said = (said + chunk).slice(-200_000);
        });
    }
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    const end = (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
        child.kill(signal);
        return ended;
    };
    const until = Date.now() + 20_000;
    const scheme = options.env?.TLS_CERT_FILE ? 'https' : 'http';
    while (!(await answers(`${scheme}://127.0.0.1:${port}/healthz`))) {
        if (child.exitCode !== null || Date.now() > until) {
            await end('SIGKILL');
            throw new Error(`The app did not start:\n${said}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return {
        url,
        pid: child.pid ?? 0,
        said: () => said,
        stop: () => end('SIGTERM'),
        kill: () => end('SIGKILL')
    };
}

async function answers(url: string): Promise<boolean> {
    try {
        return (await fetch(url)).ok;
    } catch {
        return false;
    }
}
