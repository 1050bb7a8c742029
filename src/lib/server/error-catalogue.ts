/** The sentences: every failure that is made on purpose, by its stable code, with its HTTP status and what a person is told. */

export const catalogue = {
    // Who may do what
    signed_out: [401, 'Sign in to go on. You may have been signed out on another device.'],
    factor_needed: [403, 'Give your second factor to go on.'],
    factor_first: [409, 'Set up your own second factor first.'],
    fresh_proof_needed: [403, 'Confirm that it is you, then do this again.'],
    not_allowed: [403, 'Your role in this business does not allow that. Ask its owner to change your role.'],
    platform_only: [403, 'Only those who run TradersFlow get in here, and this login is not one of theirs.'],
    platform_signed_out: [
        403,
        'Only those who run TradersFlow get in here. If you are one of them, sign in first.'
    ],
    account_suspended: [403, 'This business is suspended. You can read and export, but not change anything.'],
    not_found: [404, 'We cannot find that here. It may have been removed, or the link may be wrong.'],
    cross_site: [
        403,
        'That form was sent from another site, so we did not accept it. Open the page here and send it again.'
    ],

    no_longer_a_member: [
        403,
        'You are no longer in the team of this business. What you did there is kept. Ask its owner if you think that is wrong.'
    ],
    last_owner: [409, 'A business always keeps at least one owner. Make somebody else an owner first.'],
    owners_only: [403, 'Only an owner of the business can do that.'],
    more_than_yours: [403, 'You can only give or take away what your own role allows.'],
    role_is_built_in: [409, 'This role stays as it is. Make a role of your own instead.'],
    role_in_use: [
        409,
        'Somebody has this role, or is invited or joins by a domain with it. Give them another one first.'
    ],
    role_is_gone: [409, 'The role they had is deleted. Invite them with another one.'],
    already_a_member: [409, 'They are in the team already.'],
    already_invited: [
        409,
        'This address is invited already. Send that invitation again, or withdraw it and start anew.'
    ],
    left_by_themselves: [409, 'They left by themselves. Invite them, and they can come back.'],
    invitation_not_yours: [
        403,
        'This invitation is for another e-mail address. Sign in with the address that it was sent to.'
    ],
    domain_not_yours: [
        403,
        'You cannot join by your e-mail address. Ask somebody in the team to invite you.'
    ],
    domain_taken: [
        409,
        'Another business has proven this domain, and its record still stands there. Take that record away first.'
    ],
    domain_is_shared: [
        409,
        'Anybody can have an address there, so it cannot belong to one business. Use a domain that only your people have.'
    ],
    too_many_domains: [409, 'A business has at most 10 domains here. Take one out first.'],
    join_request_is_over: [409, 'They cannot join by their address any more. Invite them instead.'],
    domain_first: [409, 'Show that a domain is yours first: people are signed in by their address in it.'],
    sso_is_set_up: [409, 'Single sign-on is set up already. Take it off first, then set up the other one.'],
    sso_provider_not_found: [
        422,
        'We found no identity provider there. Copy the issuer from its settings, with https:// and without anything after it.'
    ],
    sso_provider_unfit: [
        422,
        'That identity provider does not tell us who somebody is: it names no userinfo endpoint. Ask whoever looks after it.'
    ],
    saml_metadata_not_found: [
        422,
        'We could read nothing there. Copy the address again, or open it yourself and paste below what it shows.'
    ],
    saml_metadata_unfit: [
        422,
        'Those are not the metadata of an identity provider that we can use. They need a sign-in page for redirects and a signing certificate that has not ended.'
    ],
    saml_idp_taken: [
        409,
        'Another business signs in by that provider already. Make an app of its own for TradersFlow there, or write to us.'
    ],
    saml_other_provider: [
        409,
        'Those are the metadata of another provider. To change providers, take this one off and set up the other.'
    ],
    sso_is_full: [503, 'We can’t take another identity provider just now. Write to us and we make room.'],
    sso_stays_in_business: [
        403,
        'This login belongs to the business that signs you in. For another business, sign out and in again in another way.'
    ],
    dns_unavailable: [503, 'We could not ask the DNS just now. Nothing was changed; try again in a minute.'],
    too_many_invitations: [
        429,
        'That is as many invitations as can go out in a day. Send the next one tomorrow.'
    ],
    too_many_invoice_mails: [
        429,
        'That is a lot of e-mails to customers in a short time. Wait a while, or give them a link.'
    ],

    too_many_acts: [
        429,
        'That was more at once than we take from one person or place. Wait ten seconds, then send it again.'
    ],

    // What was typed
    validation_failed: [422, 'Some of what you typed needs another look.'],
    character_not_kept: [
        422,
        'Something you typed or pasted holds an invisible character that cannot be kept. Delete it and type it by hand.'
    ],
    idempotency_key_reused: [
        409,
        'This form was sent already with other details. Open the page again and check what is there.'
    ],
    too_large: [413, 'That is more than we take at once. Make it shorter and send it again.'],
    changed_elsewhere: [
        409,
        'Somebody changed this while you were working on it. Open it again and add your change.'
    ],
    already_there: [409, 'That exists already.'],

    // Jobs, invoices, documents
    job_state_not_allowed: [409, 'The job cannot move there from where it stands now.'],
    invoice_already_issued: [409, 'This invoice has been issued, so it can no longer be changed.'],
    invoice_state_not_allowed: [409, 'The invoice does not allow that as it stands now.'],
    invoice_total_changed: [
        409,
        'The total has changed since you looked at it. Check the figures and issue it again.'
    ],
    invoice_has_no_lines: [422, 'Add at least one line before you issue the invoice.'],
    vat_not_registered: [422, 'Your business is not VAT registered, so its invoices cannot charge VAT.'],
    invoice_pdf_not_ready: [409, 'The PDF of this invoice is not ready. Make it again, then send it.'],
    document_not_awaiting: [409, 'This file has arrived already.'],
    document_expired: [410, 'The upload took longer than 10 minutes. Choose the file again.'],
    upload_not_found: [422, 'The file did not arrive. Choose it again.'],
    photo_empty: [422, 'This file is empty. Choose the photo again.'],
    photo_too_large: [413, 'This photo is over 50 MB. Send a smaller one.'],
    photo_is_heic: [
        415,
        'This is a HEIC photo, which we can’t read yet. On an iPhone choose Settings, Camera, Formats, Most Compatible, or send it as JPEG.'
    ],
    photo_type_not_allowed: [415, 'This is not a JPEG or PNG photo. Choose a photo in one of these formats.'],
    photo_unreadable: [422, 'This photo is damaged and can’t be opened. Take it again or send another copy.'],

    // Customers' links and paying
    link_not_valid: [404, 'This link is no longer valid. Ask the business that sent it for a new one.'],
    too_many_links: [
        429,
        'Too many links that don’t work were opened from your network, so we open none there for a while. Yours may be fine: try it again in a few minutes, or on another network, like your phone’s own connection.'
    ],
    nothing_to_pay: [409, 'There is nothing left to pay on this invoice.'],
    checkout_changed: [
        409,
        'The invoice changed while you were on your way to pay. Look at it again, then pay.'
    ],
    amount_not_payable_by_card: [
        409,
        'This amount cannot be paid by card. Ask the business how else to pay.'
    ],
    payments_not_set_up: [409, 'Card payments are not set up yet. Set up payouts first.'],

    // Signing in
    code_wrong: [
        422,
        'That code is not right, or it is more than 10 minutes old. Check the newest e-mail, or ask for another code.'
    ],
    code_expired: [422, 'That code is more than 10 minutes old. Ask for another one.'],
    mail_link_not_valid: [
        422,
        'This link has been used already, or it is too old. Sign in again and we send you a fresh code.'
    ],
    change_link_not_valid: [
        422,
        'This link has been used already, or it is more than 10 minutes old. Sign in and ask for the change again.'
    ],
    notice_not_valid: [
        422,
        'This link has been used already, or it is more than a week old. If somebody else may know your password, choose a new one.'
    ],
    credentials_wrong: [422, 'That e-mail address and password do not go together.'],
    email_not_confirmed: [422, 'Confirm your e-mail address first: type the code that we sent you.'],
    email_not_valid: [422, 'We cannot send mail to that address. Check how it is written.'],
    password_weak: [
        422,
        'That password is too easy to guess. Take three or four words that nobody would expect.'
    ],
    password_same: [422, 'That is your password already. Choose another one.'],
    signed_in_long_ago: [
        422,
        'You signed in more than a day ago. Sign out here and in again, then you can change how you sign in.'
    ],
    managed_by_business: [422, 'Your business signs you in, so this is changed where it keeps its logins.'],
    sign_in_started_elsewhere: [
        422,
        'You started signing in with another browser, or too long ago. Start again here.'
    ],
    sign_in_cancelled: [
        422,
        'You did not finish signing in. Nothing has changed; try again whenever you like.'
    ],
    address_not_vouched_for: [
        422,
        'That account does not prove that its e-mail address is yours. Use a code by e-mail instead: that proves it.'
    ],
    sso_not_set_up: [
        422,
        'There is no single sign-on for that address. Check how it is written, or use one of the other ways.'
    ],
    sso_other_domain: [
        422,
        'That account’s address is not in your business’s domain. Sign in there with the one that your business gave you.'
    ],
    sso_took_too_long: [
        422,
        'Signing in there took more than two minutes, or was finished already. Start again here.'
    ],
    sso_tells_too_little: [
        422,
        'Your business’s own sign-in does not tell us your address, or no lasting name for you. Tell whoever looks after it.'
    ],
    sso_unreachable: [
        422,
        'Your business’s own sign-in did not answer as it should. Try again; if it stays so, tell whoever looks after it.'
    ],
    sign_in_failed: [422, 'Signing in did not work. Start again, or use another way.'],
    factor_code_wrong: [422, 'That code is not right. Type the one that your app shows now.'],
    factor_code_used: [429, 'That code was tried already. Wait for the next one, half a minute at most.'],
    key_wrong: [422, 'That key did not match. Use one that you have set up here, or another way.'],
    factor_gone: [409, 'That took too long, or was done already. Start again.'],
    factor_name_taken: [409, 'You have one of that name already. Give this one another name.'],
    too_many_factors: [409, 'You have ten already. Remove one that you no longer use.'],
    key_needs_script: [
        422,
        'Only a script can ask for a passkey or a security key, and none had run here yet. Try again, or use another way.'
    ],
    passkey_unknown: [
        422,
        'We do not know that passkey. It may have been removed here. Use another one, or another way.'
    ],
    passkey_not_made: [422, 'That passkey was not made. Start again.'],
    passkey_not_yours: [422, 'That passkey belongs to another login. Use one of yours, or another way.'],
    passkey_exists: [409, 'That passkey is set up already.'],
    nothing_to_recover: [409, 'You are in already, so no recovery code is needed.'],
    recovery_code_wrong: [422, 'That is none of your recovery codes, or it has been used. Try another one.'],
    person_blocked: [403, 'This sign-in has been blocked. Write to us if you think that is wrong.'],
    code_needed: [
        403,
        'This sign-in looks unusual, so we want to be sure that it is you. Use a code by e-mail.'
    ],
    captcha_needed: [
        422,
        'A few tries went wrong here. Show that you are a person by the box over the button, then send it again.'
    ],
    address_blocked: [
        403,
        'Signing in does not work from this network: it is on a list of those that attack others. Use another one, like your phone’s own connection.'
    ],
    address_paused: [
        429,
        'Too many sign-ins failed from this network, so nobody new can sign in from it for a while. Use a device that you signed in on before, or another network, like your phone’s own connection.'
    ],
    too_many_tries: [429, 'Too many tries in a short time. Wait a few minutes, then try again.'],
    password_paused: [
        429,
        'Too many wrong passwords for this address. Wait a few minutes, or use a code by e-mail: that works right away.'
    ],
    too_many_mails: [
        429,
        'That was a lot of e-mails in a short time. Use the newest one, or wait a few minutes before you ask for another.'
    ],
    too_soon: [429, 'We have just sent you an e-mail. Wait a minute before you ask for another.'],

    // Us
    took_too_long: [504, 'That took too long, so we stopped it. Nothing was changed; try again.'],
    unavailable: [
        503,
        'We cannot reach our own service just now. Nothing was changed; try again in a minute.'
    ],
    unexpected: [500, 'Something went wrong on our side. We have a record of it under the number below.']
} as const satisfies Record<string, readonly [status: number, sentence: string]>;

/** Stable name of a failure. */
