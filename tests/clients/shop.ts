// A program with openapi-fetch, whose types openapi-typescript generated from the document of a shop.

import createClient from "openapi-fetch";

import type { components, paths } from "./openapi.js";

const shop = createClient<paths>({ baseUrl: process.env.SHOP! });
const password = { username: "test", password: "test" };

const login = await shop.POST("/login", { body: password });
const pair = login.data!;
const headers = { Authorization: `Bearer ${pair.access_token}` };

const claims = await shop.GET("/claims", { headers });
const foo: string[] = claims.data!.foo;

const missing = await shop.GET("/claims");
const refusal: components["schemas"]["RefusalBody"] = missing.error!;

const lacking = await shop.DELETE("/orders", { headers });
const forbidden: { detail: string; code: string } = lacking.error!;

const form = { header: { "X-CSRF-Token": "of no session" } };
const order = await shop.POST("/orders", { headers, params: form });
const customer: string = order.data!.ordered_by;

// What the document does not promise does not compile.
// @ts-expect-error: the login needs a password
void (() => shop.POST("/login", { body: { username: "test" } }));
// @ts-expect-error: there is no such route
void (() => shop.GET("/nothing"));
// @ts-expect-error: the answer has no such member
void (() => claims.data!.nothing);
// @ts-expect-error: a code is text
const number: number = refusal.code;
void number;

console.log(JSON.stringify({ foo, customer, missing: refusal.code, lacking: forbidden.code }));
