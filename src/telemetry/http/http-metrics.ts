import { INSTRUMENTS } from '../metrics/instruments';
import {
  type CounterSeries,
  type HistogramSeries,
  type MetricRegistry,
  type UpDownCounterSeries,
} from '../metrics/metric-registry';
import { type EndedRequest, type HttpMetrics, UNMATCHED } from './http-server-tracing';

/** The series that a request counts for. */
interface RequestSeries {
  readonly total: CounterSeries;
  readonly duration: HistogramSeries;
  readonly semanticDuration: HistogramSeries;
}

/** Methods, routes and statuses are few; a scanner that asks for thousands of paths is one route, `unmatched`. */
const MAX_REMEMBERED = 4096;

/** The guide's HTTP metrics and those of the semantic conventions, by series that are bound once. */
export class RequestMetrics implements HttpMetrics {
  /** By route, method and status, of https the negative one: no text is put together for a request. */
  private readonly bound = new Map<string, Map<string, Map<number, RequestSeries>>>();
  private remembered = 0;
  private readonly activeHttp = new Map<string, UpDownCounterSeries>();
  private readonly activeHttps = new Map<string, UpDownCounterSeries>();
  private readonly total;
  private readonly duration;
  private readonly semanticDuration;
  private readonly activeRequests;

  constructor(registry: MetricRegistry) {
    this.total = registry.counter(INSTRUMENTS.httpRequests);
    this.duration = registry.histogram(INSTRUMENTS.httpRequestDuration);
    this.semanticDuration = registry.histogram(INSTRUMENTS.httpServerRequestDuration);
    this.activeRequests = registry.upDownCounter(INSTRUMENTS.httpServerActiveRequests);
  }

  requestStarted(method: string, scheme: string): UpDownCounterSeries {
    const series = this.activeSeries(method, scheme);
    series.add(1);
    return series;
  }

  requestEnded(request: EndedRequest, status: number, seconds: number): void {
    const { span, active } = request;
    active?.add(-1);
    const { total, duration, semanticDuration } = this.series(request, status);
    const exemplar = span?.spanContext();
    total.add(1);
    duration.record(seconds, exemplar);
    semanticDuration.record(seconds, exemplar);
  }

  private activeSeries(method: string, scheme: string): UpDownCounterSeries {
    const ofScheme = scheme === 'https' ? this.activeHttps : this.activeHttp;
    let series = ofScheme.get(method);
    if (series === undefined) {
      series = this.activeRequests.bind({ 'http.request.method': method, 'url.scheme': scheme });
      ofScheme.set(method, series);
    }
    return series;
  }

  private series(request: EndedRequest, status: number): RequestSeries {
    const { method, route = UNMATCHED, scheme } = request;
    const ofMethod = this.bound.get(route)?.get(method);
    return ofMethod?.get(scheme === 'https' ? -status : status) ?? this.bind(method, route, scheme, status);
  }

  private bind(method: string, route: string, scheme: string, status: number): RequestSeries {
    const guide = { 'http.method': method, 'http.route': route, 'http.status_code': status };
    const series = {
      total: this.total.bind({ ...guide, status_code: status }),
      duration: this.duration.bind(guide),
      semanticDuration: this.semanticDuration.bind({
        'http.request.method': method,
        'url.scheme': scheme,
        // The conventions want none where no route was taken.
        'http.route': route === UNMATCHED ? undefined : route,
        'http.response.status_code': status,
        ...(status >= 500 && { 'error.type': String(status) }),
      }),
    };
    if (this.remembered >= MAX_REMEMBERED) return series;
    this.remembered += 1;
    const ofRoute = this.bound.get(route) ?? new Map<string, Map<number, RequestSeries>>();
    const ofMethod = ofRoute.get(method) ?? new Map<number, RequestSeries>();
    this.bound.set(route, ofRoute.set(method, ofMethod.set(scheme === 'https' ? -status : status, series)));
    return series;
  }
}
