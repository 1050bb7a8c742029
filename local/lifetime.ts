// When to end: at the first Ctrl-C or request to stop, or when the process that started us is gone.

/** Calls back once; further signals, as a terminal and a parent both send them, change nothing. */
export function whenAskedToEnd(end: () => void): void {
    let asked = false;
    const ask = () => {
        if (asked) return;
        asked = true;
        end();
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, ask);
    if (process.connected) {
        process.on('disconnect', ask);
        // Waiting for a word from the parent is no reason to go on living.
        process.channel?.unref();
    }
}
