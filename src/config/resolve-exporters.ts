import type {
  LogExporterConfig,
  MetricExporterConfig,
  OtlpProtocol,
  OtlpTarget,
  TraceExporterConfig,
} from './telemetry-config';
import type {
  LogExporterEntry,
  MetricExporterEntry,
  OtlpValues,
  TelemetryPath,
  TraceExporterEntry,
} from './telemetry-fields';
import { highest, LAYER_ORDER, type Layers, type Said, type TelemetryFindings } from './telemetry-layers';
import { endpointUrl } from './value-kinds';

type Signal = 'traces' | 'metrics' | 'logs';

/** An endpoint, and how it was meant: the collector's root, complete as it is, or the root if it has no path. */
interface Endpoint {
  readonly text: string;
  readonly form: 'root' | 'complete' | 'root-without-path';
  /** Who said so. */
  readonly by: string;
}

const DEFAULT_TIMEOUT_MS = 10_000;
const DEFAULT_JAEGER_ENDPOINT = 'http://localhost:14268/api/traces';
const OTLP_FIELDS = [
  'protocol',
  'headers',
  'compression',
  'timeout',
  'insecure',
  'tls.certificate',
  'tls.clientKey',
  'tls.clientCertificate',
  'temporality',
] as const satisfies readonly (keyof OtlpValues)[];

/**
 * Makes exporters of what was said about them. Which ones is decided by their names, where names were given; else by the
 * endpoints, and there the highest layer decides:
 *
 *     exporters.traces given            those; --otlp-endpoint adds otlp
 *     OTLP endpoint                     otlp; wins over tracingEndpoint of the same layer
 *     tracingEndpoint …/api/traces      jaeger
 *     tracingEndpoint ''                console in development, else otlp at its default
 *     tracingEndpoint                   otlp
 *     none of them                      otlp at its default, or only the file where spansFile is given
 */
export class ExporterResolver {
  private readonly used = new Set<Said>();

  constructor(
    private readonly said: Layers,
    private readonly findings: TelemetryFindings,
  ) {}

  /** @param isDevelopment whether spans may go to standard error where no endpoint is wanted */
  traces(isDevelopment: boolean): TraceExporterConfig[] {
    const entries = this.traceEntries(isDevelopment);
    const guide = this.said.find('tracingEndpoint');
    const isForJaeger =
      entries.some(isShared('jaeger')) &&
      !!guide?.value &&
      (isJaegerPath(guide.value) || !entries.some(isShared('otlp')));
    return entries.map((entry): TraceExporterConfig => {
      switch (entry.type) {
        case 'otlp':
          return { type: 'otlp', target: this.otlpTarget('traces', entry.own, isForJaeger) };
        case 'jaeger':
          return this.jaeger(entry.own, isForJaeger ? guide : undefined);
        case 'file':
          return { type: 'file', path: entry.own.path ?? this.use('spansFile') ?? this.missingFile() };
        default:
          return { type: entry.type };
      }
    });
  }

  metrics(): MetricExporterConfig[] {
    return this.metricEntries().map((entry): MetricExporterConfig => {
      switch (entry.type) {
        case 'otlp': {
          const { temporality = 'cumulative' } = this.otlpValues('metrics', entry.own);
          return { type: 'otlp', target: this.otlpTarget('metrics', entry.own), temporality };
        }
        case 'prometheus': {
          const host = entry.own.host ?? this.use('prometheus.host');
          const port = entry.own.port ?? this.use('prometheus.port');
          if (host === undefined && port === undefined) return { type: 'prometheus' };
          return { type: 'prometheus', host: host ?? 'localhost', port: port ?? 9464 };
        }
        default:
          return { type: entry.type };
      }
    });
  }

  logs(): LogExporterConfig[] {
    const byEndpoint: LogExporterEntry[] = this.said.find('otlp.logs.endpoint') ? [{ type: 'otlp', own: {} }] : [];
    return (this.said.get('exporters.logs') ?? byEndpoint).map((entry): LogExporterConfig => {
      if (entry.type !== 'otlp') return { type: entry.type };
      return { type: 'otlp', target: this.otlpTarget('logs', entry.own) };
    });
  }

  /** Called when all is made: what was said and came to nothing. */
  noteUnused(signals: { readonly tracing: boolean; readonly metrics: boolean }): void {
    if (signals.tracing) {
      this.noteUnusedOf('tracingEndpoint', 'otlp.endpoint', 'otlp.traces.endpoint', 'spansFile');
      this.noteUnusedOf('jaeger.agentHost', 'jaeger.agentPort', 'jaeger.username');
    }
    if (signals.metrics) this.noteUnusedOf('otlp.metrics.endpoint', 'prometheus.host', 'prometheus.port');
    this.noteUnusedOf('otlp.logs.endpoint');
  }

  private traceEntries(isDevelopment: boolean): readonly TraceExporterEntry[] {
    const named = this.said.get('exporters.traces');
    if (named === undefined) return this.impliedTraceEntries(isDevelopment);
    const { rank } = this.said.find('otlp.endpoint') ?? {};
    // Whoever types an endpoint wants spans there.
    return rank === FLAGS && !named.some(isShared('otlp')) ? [...named, { type: 'otlp', own: {} }] : named;
  }

  private impliedTraceEntries(isDevelopment: boolean): readonly TraceExporterEntry[] {
    const file: TraceExporterEntry[] = this.said.find('spansFile') ? [{ type: 'file', own: {} }] : [];
    const guide = this.said.find('tracingEndpoint');
    const endpoint = highest(this.said.find('otlp.traces.endpoint'), this.said.find('otlp.endpoint'), guide);
    if (endpoint === undefined && file.length > 0) return file;
    let type: 'otlp' | 'jaeger' | 'console' = 'otlp';
    if (endpoint !== undefined && endpoint === guide) {
      if (isJaegerPath(guide.value)) type = 'jaeger';
      if (guide.value === '' && isDevelopment) type = 'console';
    }
    return [{ type, own: {} }, ...file];
  }

  private metricEntries(): readonly MetricExporterEntry[] {
    const named = this.said.get('exporters.metrics');
    if (named !== undefined) return named;
    const entries: MetricExporterEntry[] = [{ type: 'prometheus', own: {} }];
    if (this.said.find('otlp.metrics.endpoint')) entries.push({ type: 'otlp', own: {} });
    return entries;
  }

  private otlpTarget(signal: Signal, own: OtlpValues, isGuideForJaeger = false): OtlpTarget {
    const values = this.otlpValues(signal, own);
    const endpoint = this.otlpEndpoint(signal, own, isGuideForJaeger);
    const port = endpoint ? httpUrl(endpoint.text, values.insecure).port : undefined;
    const protocol = values.protocol ?? (port === '4317' ? 'grpc' : 'http/protobuf');
    const standard = protocol === 'grpc' ? 'http://localhost:4317' : 'http://localhost:4318';
    const url = httpUrl(endpoint?.text ?? standard, values.insecure);
    const headers = { ...values.headers };
    takeCredentials(url, headers);
    if (endpoint) this.completeUrl(url, endpoint, protocol, signal);
    else url.pathname = `/v1/${signal}`;
    const bound = signal === 'traces' ? this.said.get('export.timeout') : undefined;
    return {
      endpoint: protocol === 'grpc' ? url.origin : url.href,
      protocol,
      headers,
      compression: values.compression ?? 'none',
      timeoutMs: Math.min(values.timeout ?? DEFAULT_TIMEOUT_MS, bound ?? Number.POSITIVE_INFINITY),
      tls: this.tls(signal, values),
    };
  }

  /**
   * An exporter with an endpoint of its own stands alone: a token that was meant for another collector must not go there.
   */
  private otlpValues(signal: Signal, own: OtlpValues): OtlpValues {
    if (isAlone(own)) return own;
    const values: Record<string, unknown> = { ...own };
    for (const field of OTLP_FIELDS) {
      const special = this.said.find(`otlp.${signal}.${field}` as TelemetryPath);
      const general = this.said.find(`otlp.${field}` as TelemetryPath);
      values[field] ??= highest<unknown>(special, general)?.value;
    }
    return values;
  }

  private otlpEndpoint(signal: Signal, own: OtlpValues, isGuideForJaeger: boolean): Endpoint | undefined {
    if (own.endpoint !== undefined) {
      return { text: own.endpoint, form: 'root-without-path', by: this.nameOfList(signal) };
    }
    const special = this.said.find(`otlp.${signal}.endpoint`);
    const general = this.said.find('otlp.endpoint');
    const guide = signal === 'traces' && !isGuideForJaeger ? this.said.find('tracingEndpoint') : undefined;
    // Jaeger's own path takes no OTLP.
    const said = highest(special, general, guide && isJaegerPath(guide.value) ? undefined : guide);
    if (!said?.value) return undefined;
    this.used.add(said);
    const form = said === special ? 'complete' : said === general ? 'root' : 'root-without-path';
    return { text: said.value, form, by: said.by };
  }

  private completeUrl(url: URL, { form, by }: Endpoint, protocol: OtlpProtocol, signal: Signal): void {
    const isGrpc = protocol === 'grpc';
    if (url.port === (isGrpc ? '4318' : '4317')) {
      const other = isGrpc ? 'HTTP' : 'gRPC';
      this.findings.note(
        `${by}: port ${url.port} is set aside for OTLP over ${other}, but the protocol is ${protocol}`,
      );
    }
    if (isGrpc) return;
    const path = `/v1/${signal}`;
    if (form === 'complete') {
      if (url.pathname === '/')
        this.findings.note(`${by} has no path and is taken as it is; collectors expect ${path}`);
    } else if (form === 'root' || url.pathname === '/') {
      const given = url.pathname.replace(/\/+$/, '');
      const root = given.replace(/\/v1\/(traces|metrics|logs)$/, '');
      if (root !== given)
        this.findings.note(`${by} is for all signals; ${given.slice(root.length)} is taken off its end`);
      url.pathname = `${root}${path}`;
    }
  }

  private tls(signal: Signal, values: OtlpValues): OtlpTarget['tls'] {
    const certificate = values['tls.certificate'];
    const clientKey = values['tls.clientKey'];
    const clientCertificate = values['tls.clientCertificate'];
    if ((clientKey === undefined) !== (clientCertificate === undefined)) {
      const [given, missing] = clientKey
        ? (['clientKey', 'clientCertificate'] as const)
        : (['clientCertificate', 'clientKey'] as const);
      const paths = [`otlp.${signal}.tls`, 'otlp.tls'] as const;
      const said = isAlone(values) ? undefined : highest(...paths.map((path) => this.said.find(`${path}.${given}`)));
      const by = said?.by ?? this.nameOfList(signal);
      if (!paths.some((path) => this.findings.hasRefused(`${path}.${missing}`))) {
        this.findings.refuse(by, `expected the client's ${clientKey ? 'certificate' : 'key'} with it`, paths[0]);
      }
    }
    return withoutUndefined({ certificate, clientKey, clientCertificate });
  }

  private jaeger(own: JaegerValues, guide: Said<string> | undefined): TraceExporterConfig {
    this.findings.note(
      'Spans go to Jaeger in its own protocol, which is deprecated and no longer mended. Jaeger takes OTLP at port 4318: give http://<host>:4318 as the endpoint.',
    );
    const username = own.username ?? (isAlone(own) ? undefined : this.use('jaeger.username'));
    const password = own.password ?? (isAlone(own) ? undefined : this.use('jaeger.password'));
    const endpoint = own.endpoint ?? this.jaegerEndpoint(own, guide);
    if (endpoint === undefined) {
      const agentHost = own.agentHost ?? this.use('jaeger.agentHost') ?? 'localhost';
      const agentPort = own.agentPort ?? this.use('jaeger.agentPort') ?? 6832;
      return { type: 'jaeger', agentHost, agentPort };
    }
    const url = endpointUrl(endpoint) as URL;
    const inUrl = credentialsOf(url);
    return {
      type: 'jaeger',
      endpoint: url.href,
      ...withoutUndefined({ username: username ?? inUrl?.username, password: password ?? inUrl?.password }),
    };
  }

  /** Undefined where spans go to an agent. */
  private jaegerEndpoint(own: JaegerValues, guide: Said<string> | undefined): string | undefined {
    if (own.agentHost !== undefined || own.agentPort !== undefined) return undefined;
    const agent = highest<unknown>(this.said.find('jaeger.agentHost'), this.said.find('jaeger.agentPort'));
    const winner = highest<unknown>(guide, agent);
    if (winner === undefined) return DEFAULT_JAEGER_ENDPOINT;
    return winner === guide ? this.use('tracingEndpoint') : undefined;
  }

  private missingFile(): string {
    const reason = 'expected a path for the exporter file, in SPANWRIGHT_TELEMETRY_FILE or the option spansFile';
    this.findings.refuse(this.nameOfList('traces'), reason, 'exporters.traces');
    return '';
  }

  private nameOfList(signal: Signal): string {
    return this.said.find(`exporters.${signal}`)?.by ?? `the exporters of ${signal}`;
  }

  private use<P extends UsablePath>(path: P) {
    const said = this.said.find(path);
    if (said) this.used.add(said);
    return said?.value;
  }

  /** For what was said and came to nothing, unless something higher, or more special, took its place. */
  private noteUnusedOf(...paths: readonly UsablePath[]): void {
    const general = this.said.find('otlp.endpoint');
    const all = paths.map((path) => this.said.find(path));
    for (const said of all) {
      if (!said || said.rank === PRESET || said.value === '' || this.used.has(said)) continue;
      const isReplaced = all.some(
        (other) => other && this.used.has(other) && (other.rank > said.rank || said === general),
      );
      if (!isReplaced) this.findings.note(`${said.by} is not used: no exporter needs it`);
    }
  }
}

type JaegerValues = Extract<TraceExporterEntry, { readonly type: 'jaeger' }>['own'];

type UsablePath =
  | 'tracingEndpoint'
  | 'otlp.endpoint'
  | `otlp.${Signal}.endpoint`
  | 'spansFile'
  | `jaeger.${'username' | 'password' | 'agentHost' | 'agentPort'}`
  | `prometheus.${'host' | 'port'}`;

const FLAGS = LAYER_ORDER.indexOf('flags');
const PRESET = LAYER_ORDER.indexOf('preset');

/** Whether an exporter has an endpoint of its own. */
function isAlone(own: object): boolean {
  return 'endpoint' in own;
}

/** Whether an exporter is of this type and sends where everybody else's word has it. */
function isShared(type: string): (entry: TraceExporterEntry) => boolean {
  return (entry) => entry.type === type && !isAlone(entry.own);
}

function isJaegerPath(endpoint: string): boolean {
  return endpointUrl(endpoint)?.pathname.replace(/\/+$/, '').endsWith('/api/traces') ?? false;
}

/** A scheme that was left out is `http` to this very machine, and elsewhere only where somebody says so. */
function httpUrl(endpoint: string, insecure: boolean | undefined): URL {
  const url = endpointUrl(endpoint, 'http') as URL;
  const isClear = insecure ?? /^(localhost|127\.[\d.]+|\[::1\])$/.test(url.hostname);
  return endpoint.includes('://') || isClear ? url : (endpointUrl(endpoint, 'https') as URL);
}

/** A collector's user and password belong in a header, where nobody prints them. */
function takeCredentials(url: URL, headers: Record<string, string>): void {
  const found = credentialsOf(url);
  if (!found || Object.keys(headers).some((name) => name.toLowerCase() === 'authorization')) return;
  headers.authorization = `Basic ${Buffer.from(`${found.username}:${found.password}`).toString('base64')}`;
}

/** Takes user and password out of a URL. */
function credentialsOf(url: URL): { username: string; password: string } | undefined {
  if (!url.username && !url.password) return undefined;
  const found = { username: decoded(url.username), password: decoded(url.password) };
  url.username = '';
  url.password = '';
  return found;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The same without the fields that are undefined. */
export function withoutUndefined<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}
