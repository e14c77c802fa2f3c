import type { NodeId } from '../node';
import { compareIntervals, intervalKey, intervalOf, overlaps, type VersionInterval } from '../versions/versions';
import { type PackageRecord, type PackageVersion, versionText } from './package-record';

/** A name and the versions of it that somebody has or wants. */
export interface Wish {
  readonly package: PackageVersion;
  readonly interval: VersionInterval;
  /** Tells wishes for one name apart: by how their versions are written, not by what they mean. */
  readonly key: string;
}

/** One version of one name, and the node to install for it. */
export interface Provider {
  readonly wish: Wish;
  readonly run: NodeId;
  /** The local package; undefined where the node stands for one from elsewhere. */
  readonly record: PackageRecord | undefined;
}

/**
 * Who provides which version of which name, while a graph is being made: it grows as remote nodes come in, and a wish may then find another
 * provider than before.
 */
export class ProviderTable {
  /** By name; the lowest version first. */
  private readonly byName = new Map<string, Provider[]>();
  /** By their text: a graph has far fewer wishes than edges. */
  private readonly wishes = new Map<string, Wish>();

  /** @throws Error where its conditions leave no version, or one is unknown */
  wishFor(wanted: PackageVersion): Wish {
    const text = versionText(wanted);
    let wish = this.wishes.get(text);
    if (!wish) {
      const { Name: name, Version: version, Condition: condition, SVersion: sVersion, SCondition: sCondition } = wanted;
      const interval = intervalOf({ name, version, condition, sVersion, sCondition });
      wish = { package: wanted, interval, key: intervalKey(interval) };
      this.wishes.set(text, wish);
    }
    return wish;
  }

  /** The provider with the highest version that will do, among those that are asked about. */
  best(
    { package: { Name }, interval }: Wish,
    among: (provider: Provider) => boolean = () => true,
  ): Provider | undefined {
    return this.byName.get(Name)?.findLast((provider) => overlaps(provider.wish.interval, interval) && among(provider));
  }

  /** The provider whose version is written just so. */
  exact({ package: { Name }, key }: Wish): Provider | undefined {
    return this.byName.get(Name)?.find((provider) => provider.wish.key === key);
  }

  /** Puts a provider behind those of lower or equal version. There must be none yet whose version is written just so. */
  add(provider: Provider): Provider {
    const { interval, package: of } = provider.wish;
    const providers = this.byName.get(of.Name) ?? [];
    const behind = providers.findLastIndex((other) => compareIntervals(other.wish.interval, interval) <= 0);
    providers.splice(behind + 1, 0, provider);
    this.byName.set(of.Name, providers);
    return provider;
  }

  /** All providers, a name's together. */
  *all(): Generator<Provider> {
    for (const providers of this.byName.values()) yield* providers;
  }
}
