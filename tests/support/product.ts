// The product for one test file that moves clocks, fills folders or stops processes: a stack of its own, and as many web
// servers on it as it asks for. The builders of business.ts then work on this stack.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { startApp, type RunningApp } from './app.ts';
import { freePort } from './port.ts';
import { startOwnStack, type OwnStack, type StackInfo } from './stack.ts';

export type Product = {
    stack: OwnStack;
    info: StackInfo;
    /** What people type. */
    origin: string;
    /** Where each web server behind that name listens. */
    addresses: readonly string[];
    /** Names of the files that storage keeps, its own key left out. */
    files(): string[];
    /** Moves the stack's clock while the work is done. */
    later<Answer>(seconds: number, work: () => Promise<Answer>): Promise<Answer>;
    stop(): Promise<void>;
};

export async function startProduct(
    options: { servers?: number; env?: Record<string, string> } = {}
): Promise<Product> {
    const ports = await Promise.all(Array.from({ length: options.servers ?? 1 }, freePort));
    const appPort = ports[0] ?? 0;
    const origin = `http://localhost:${appPort}`;
    const stack = await startOwnStack({ appPort });
    const before = process.env.TF_STACK;
    process.env.TF_STACK = JSON.stringify(stack.info);
    const apps: RunningApp[] = [];
    const stop = async (): Promise<void> => {
        await Promise.all(apps.map((app) => app.stop()));
        await stack.stopAndForget();
        if (before === undefined) delete process.env.TF_STACK;
        else process.env.TF_STACK = before;
    };
    try {
        for (const port of ports)
            apps.push(await startApp(stack.info, port, { origin, env: options.env ?? {} }));
    } catch (error) {
        await stop();
        throw error;
    }
    const control = async (path: string, body?: object): Promise<void> => {
        const response = await fetch(`${stack.info.controlUrl}${path}`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            ...(body ? { body: JSON.stringify(body) } : {})
        });
        if (!response.ok) throw new Error(`${path} answered ${response.status}`);
    };
    return {
        stack,
        info: stack.info,
        origin,
        addresses: ports.map((port) => `http://127.0.0.1:${port}`),
        files: () => filesIn(stack.stateDir),
        async later(seconds, work) {
            await control('/clock', { advance_seconds: seconds });
            try {
                return await work();
            } finally {
                await control('/clock/reset');
            }
        },
        stop
    };
}

/** The bytes that storage keeps in a state folder: one file for each version of an object, and uploads under way. */
export function filesIn(stateDir: string): string[] {
    return readdirSync(join(stateDir, 'storage'), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && !entry.name.endsWith('.key'))
        .map((entry) => entry.name)
        .sort();
}
