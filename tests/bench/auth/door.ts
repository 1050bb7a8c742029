// The gate as the web tier calls it: from any address, with or without a device's proof, in many calls at once.
import { randomInt, randomUUID } from 'node:crypto';
import { contextHeader, signContext } from '../../../src/lib/server/context.ts';
import type { StackInfo } from '../../support/stack.ts';

export type From = { ip: string; dev?: string };

let lastAddress = randomInt(2 ** 24);
/** An address of a network that only benches use, and none twice: what is left of a limit would tell. */
export function anyAddress(): string {
    lastAddress = (lastAddress + 1) % 2 ** 24;
    return `10.${lastAddress >> 16}.${(lastAddress >> 8) & 255}.${lastAddress & 255}`;
}

/** Calls the gate as the web tier does. */
export function knockAt(
    { apiUrl, publishableKey, env }: StackInfo,
    path: string,
    body: Record<string, string>,
    from: From
): Promise<Response> {
    const context = signContext(
        {
            ...from,
            ua: 'Mozilla/5.0 (bench)',
            rid: randomUUID(),
            sid: null,
            iat: Math.floor(Date.now() / 1000),
            via: 'app'
        },
        env.TF_CONTEXT_KEY ?? ''
    );
    return fetch(`${apiUrl}/functions/v1/auth-gate/auth/v1/${path}`, {
        method: 'POST',
        headers: {
            apikey: publishableKey,
            'content-type': 'application/json',
            'x-supabase-api-version': '2024-01-01',
            [contextHeader]: context
        },
        body: JSON.stringify(body)
    });
}

/** Tries to sign in through the gate. The answer's body is read to its end. */
export async function attempt(
    info: StackInfo,
    { email, password }: { email: string; password: string },
    from: From
): Promise<{ status: number; device: string | undefined }> {
    const answer = await knockAt(info, 'token?grant_type=password', { email, password }, from);
    await answer.arrayBuffer();
    return { status: answer.status, device: answer.headers.get('x-tf-device') ?? undefined };
}

/** Does every piece of work, so many at once, each caller taking the next as soon as it is free. */
export async function inParallel<Piece>(
    callers: number,
    work: readonly Piece[],
    act: (piece: Piece) => Promise<void>
): Promise<void> {
    let next = 0;
    const caller = async (): Promise<void> => {
        for (let piece = work[next++]; piece !== undefined; piece = work[next++]) await act(piece);
    };
    await Promise.all(Array.from({ length: callers }, caller));
}
