// SQL typed as finch's owner: what a door would have to let through, and none does.
import { expect } from 'vitest';
import { asSql, repelled } from './scene.ts';
import type { Scene } from './scene.ts';

/** Runs statements as finch's owner, in a transaction that ends undone. */
export const asFinch = (scene: Scene, ...statements: string[]): ReturnType<typeof asSql> =>
    asSql(scene, scene.finch.owner, statements);

/** Every statement refused for want of a right. */
export async function refused(scene: Scene, ...statements: string[]): Promise<void> {
    await repelled(scene, async () => {
        const said = await asFinch(scene, ...statements);
        expect(said.rows).toEqual([]);
        for (const error of said.errors) expect(error).toMatch(/^42501 /);
        return said;
    });
}
