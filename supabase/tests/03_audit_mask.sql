select plan(31);

select tests.business('bell');

------------------------------------------------------------------------------------------------------
-- What looks like a card or a key never reaches the log, wherever it was typed
------------------------------------------------------------------------------------------------------

select is(audit.mask(to_json(typed)::text), to_json(masked)::text, '[AUD-6] ' || what || ' is masked')
from (
    values
        ('a card in one piece', 'Card 4242424242424242 12/34 123', 'Card [masked] 12/34 123'),
        ('a card in groups of four', '4242 4242 4242 4242 123', '[masked] 123'),
        ('a card with hyphens', 'no. 5555-5555-5555-4444.', 'no. [masked].'),
        ('a card on a line of its own', E'Pay with\n4000 0566 5566 5556\nthanks', E'Pay with\n[masked]\nthanks'),
        ('a card of American Express', '3782 822463 10005', '[masked]'),
        ('a card of nineteen digits', '6212 3456 7890 1234 569', '[masked]'),
        ('a card twice', '4242424242424242, again 4242424242424242', '[masked], again [masked]'),
        ('a key of Stripe', 'our key sk_live_51H8zabcdefghijk', 'our key [masked]'),
        ('a restricted key of Stripe', 'rk_test_51H8zabcdefghijk', '[masked]'),
        ('a key of our API', 'tf_live_0123456789abcdef', '[masked]'),
        ('a webhook secret', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', '[masked]'),
        ('a secret key of the project', 'sb_secret_abcdefgh12345678_abc', '[masked]'),
        ('a key of the mail provider', 're_AbCdEf12_0123456789abcdefghijkl', '[masked]'),
        ('a signed token', E'token:\neyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl', E'token:\n[masked]'),
        ('a private link', 'https://app.example/p/0123456789abcdefghijklmnop', 'https://app.example/p/[masked]')
) as given (what, typed, masked);

select is(audit.mask(to_json(typed)::text), to_json(typed)::text, what || ' is not')
from (
    values
        ('a number without the check digit', '4242 4242 4242 4243'),
        ('a telephone number', '+44 7700 900123'),
        ('a telephone number with zeros', '0044 7700 900123'),
        ('two telephone numbers', '07700 900123 07700 900124'),
        ('a sort code and an account number', '20-00-00 55779911'),
        ('an id', '42424242-4242-4242-4242-424242424242'),
        ('a digest', 'b5bb9d8014a0f9b1d61e21e796d78dcc4242424242424242'),
        ('a moment', '2026-11-22T09:14:00.123456+00:00'),
        ('a VAT number', 'GB 831 4958 16'),
        ('an address of the web', 'https://app.example/portal/invoice')
) as given (what, typed);

select is(audit.mask('[null, 4242424242424242]'), '[null, 4242424242424242]', 'a number that JSON holds as a number stays');

-- Through the doors: a field, a header and an event.
select tests.send_headers('{"user-agent": "Browser 4242424242424242", "x-request-id": "sk_live_51H8zabcdefghijk"}');
select tests.authenticate_as('bell owner');
insert into public.customers (account_id, name, notes)
values (tests.id('bell'), 'Priya Nair', 'He read me 4242 4242 4242 4242 over the phone');
select tests.be_postgres();
select is(
    (select after ->> 'notes' from tests.trail where action = 'customer.created' order by seq desc limit 1),
    'He read me [masked] over the phone', '[AUD-6] a card in a note is masked in the log'
);
select is(
    (select user_agent || ' ' || request_id from tests.trail where action = 'customer.created' order by seq desc limit 1),
    'Browser [masked] [masked]', '[AUD-6] and so is what a header carries'
);
select is(
    (select notes from public.customers where name = 'Priya Nair'),
    'He read me 4242 4242 4242 4242 over the phone', 'the note itself is what was typed: it is theirs'
);
select audit.record_event('account', tests.id('bell'), 'sign_in.refused', 'refused', 'session', detail => '{"said": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZI"}');
select ok(
    (select detail ->> 'said' from tests.trail where action = 'sign_in.refused' order by seq desc limit 1) = '[masked]',
    '[AUD-6] and what an event tells'
);
select is(
    (select max(strpos(f.fields::text, '4242 4242')) from audit.field_values as f), 0,
    '[AUD-6] no value of the log holds the card'
);

select * from finish();
