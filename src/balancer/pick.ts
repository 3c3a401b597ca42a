/** What a balancing policy sees, and the one question it answers: which endpoint takes this request. */

/** The live state of one pool. The callbacks read shared memory, so an answer may change between two calls. */
export interface PoolView {
  /** Equal to the number of endpoints the policy was built with. */
  readonly size: number;
  /** True if the endpoint may take new requests. */
  isReady(index: number): boolean;
  /** Requests in flight on the endpoint, over all workers. */
  load(index: number): number;
}

export interface PickInput {
  /** From the pool's cursor, which all workers advance by an atomic add. Any 32-bit integer, read as unsigned. */
  readonly ticket: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** What ip-hash is faithful to: the client address, "" if it has none (unix socket). */
  readonly key: string;
  /** Indexes this request has already been sent to; `NONE_TRIED` on the first attempt. */
  readonly tried: readonly number[];
}

/** Index of the chosen endpoint, -1 if none is ready and untried. */
export type Pick = (pool: PoolView, input: PickInput) => number;

export interface WeightedEndpoint {
  /** Identity across reloads. */
  readonly key: string;
  /** Whole number; an endpoint of weight 0 is never picked. */
  readonly weight: number;
}

/** One list for every first attempt, so that a request without retries allocates nothing. */
export const NONE_TRIED: readonly number[] = Object.freeze([]);

export function isOpen(pool: PoolView, tried: readonly number[], index: number): boolean {
  return pool.isReady(index) && (tried.length === 0 || !tried.includes(index));
}

/** Indexes of the endpoints that can be picked at all. */
export function pickableIndexes(endpoints: readonly WeightedEndpoint[]): Int32Array {
  const indexes: number[] = [];
  for (const [index, endpoint] of endpoints.entries()) {
    if (endpoint.weight > 0) indexes.push(index);
  }
  return Int32Array.from(indexes);
}

/** Negative if `a` carries less for its weight than `b`; multiplied out, so that equal shares compare equal. */
export function compareShares(loadA: number, weightA: number, loadB: number, weightB: number): number {
  return loadA * weightB - loadB * weightA;
}
