select plan(18);

select tests.business('bell');
select tests.business('finch');
select tests.job('bell');
select tests.job('finch');
select tests.member('bell', 'staff');
select tests.member('bell', 'partner');
select tests.member_with('bell', array['customers.read'], 'bell reader');

select tests.authenticate_as('bell staff');
select is((select count(*) from public.customers), 1::bigint, '[ISO-1] a member sees their account''s customers');
select is_empty($$select * from public.customers where account_id = tests.id('finch')$$, '[ISO-1] and none of another account');
select is((select count(*) from public.sites), 1::bigint, '[ISO-1] the same for sites');
update public.customers set name = 'Changed';
select tests.be_postgres();
select is((select name from public.customers where account_id = tests.id('bell')), 'Changed', '[ACC-3] staff changes customers');
select is((select name from public.customers where account_id = tests.id('finch')), 'Priya Raman', '[ISO-1] of their own account only');

select tests.authenticate_as('bell reader');
select isnt_empty('select * from public.customers', '[ACC-3] whoever may read customers reads them');
update public.customers set name = 'Reader was here';
select is((select name from public.customers), 'Changed', '[ACC-3] and does not change them');
select throws_ok($$insert into public.customers (account_id, name) values (tests.id('bell'), 'New')$$, '42501', null, '[ACC-3] nor add any');
select throws_ok($$select public.create_customer(tests.id('bell'), gen_random_uuid(), '{"name": "New"}')$$, '42501', null, '[ACC-3] nor by the function');
select tests.authenticate_as('bell partner');
select is_empty('select * from public.customers', '[ACC-3] a partner sees no customers');

select tests.authenticate_as('finch owner');
select throws_ok($$insert into public.customers (account_id, name) values (tests.id('bell'), 'Planted')$$, '42501', null, '[ISO-1] nobody adds a customer to another account');
select throws_ok(
    $$insert into public.sites (account_id, customer_id, address_line_1) values (tests.id('finch'), tests.id('bell customer'), 'Planted')$$,
    '23503', null, '[ISO-3] a site cannot point at a customer of another account'
);
select throws_ok($$update public.customers set account_id = tests.id('bell')$$, '42501', null, '[ISO-3] a customer cannot move to another account');
select throws_ok($$delete from public.customers$$, '42501', null, 'customers are not deleted through the table');

select tests.authenticate_as('bell owner');
select throws_ok($$select public.create_customer(tests.id('bell'), gen_random_uuid(), '{"name": "  "}')$$, 'P0001', 'Give the customer a name.', 'a customer needs a name');
select throws_ok($$select public.create_customer(tests.id('bell'), gen_random_uuid(), '{"name": "A", "email": "nonsense"}')$$, '23514', null, 'an address that is none is refused');
create temporary table made as
select public.create_customer(tests.id('bell'), gen_random_uuid(), '{"name": " Tom ", "email": "TOM@mail.example"}', '{"address_line_1": "Weir Cottage", "postcode": "kq7 3pt"}') as answer;
select results_eq(
    $$select c.name, c.email, s.postcode from public.customers as c join public.sites as s on s.customer_id = c.id where c.id = (select (answer ->> 'customer_id')::uuid from made)$$,
    $$values ('Tom', 'tom@mail.example', 'KQ7 3PT')$$,
    'a customer and the first site come into being together, tidied'
);
select tests.be_postgres();
select tests.set_state('bell', 'suspended');
select tests.authenticate_as('bell owner');
select throws_ok($$insert into public.customers (account_id, name) values (tests.id('bell'), 'New')$$, '42501', null, '[ADM-4] a suspended account adds nothing');
select * from finish();
