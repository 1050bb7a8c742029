import { protectedLoad } from '$lib/server/guard.ts';

export const load = protectedLoad('account.read', ({ account, me }) => {
    const may = (permission: string): boolean => account.permissions.includes(permission);
    return {
        business: { name: account.name, role: account.role.name, takesCards: account.stripe.charges_enabled },
        email: me.email,
        mayTeam: may('members.read'),
        mayChange: may('account.write'),
        mayPayouts: may('payouts.manage'),
        mayAudit: may('audit.read')
    };
});
