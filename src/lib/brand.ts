/** Nominal types over primitives: only the parser of a value may make one. */

declare const brand: unique symbol;

export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
