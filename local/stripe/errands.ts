/** What happens by itself once its time has come: balances settle, sessions expire. */
import { settleCharge } from './charges.ts';
import { expireIfOpen } from './checkout_sessions.ts';
import type { Errand, World } from './world.ts';

const DO: Record<Errand, (world: World, subject: string) => void> = {
    settle_charge: settleCharge,
    expire_session: expireIfOpen
};

type Row = { seq: number; kind: Errand; subject: string };

/** Runs every errand that is due, each with its own entry in one transaction: never half, never twice. */
export function runErrands(world: World): void {
    const due = world.state.rows<Row>(
        'select seq, kind, subject from errands where due <= ? order by due, seq',
        world.clock.now().getTime()
    );
    for (const { seq, kind, subject } of due) {
        world.state.transaction(() => {
            world.state.run('delete from errands where seq = ?', seq);
            DO[kind](world, subject);
        });
    }
}
