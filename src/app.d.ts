declare global {
    namespace App {
        interface Locals {
            /** Chosen by this server, never taken from the caller. */
            requestId: string;
        }
    }
}

export {};
