import { AbstractGraphQLDriver, type GqlModuleOptions } from '@nestjs/graphql';
import { execute, GraphQLError, parse, validate } from 'graphql';

interface Request {
  readonly body: {
    readonly query: string;
    readonly operationName?: string;
    readonly variables?: Record<string, unknown>;
  };
}
interface Answer {
  send(body: unknown): void;
}

/** GraphQL over HTTP by graphql-js itself: of what Apollo does, the part that a resolver sees. */
export class PlainGraphqlDriver extends AbstractGraphQLDriver {
  async start({ path, schema, fieldResolverEnhancers: _ }: GqlModuleOptions): Promise<void> {
    if (!schema) throw new GraphQLError('no schema');
    this.httpAdapterHost.httpAdapter.post(path as string, async (request: Request, response: Answer) => {
      const { query, operationName, variables: variableValues } = request.body;
      const document = parse(query);
      const errors = validate(schema, document);
      const contextValue = { req: request };
      response.send(
        errors.length > 0
          ? { errors }
          : await execute({ schema, document, operationName, variableValues, contextValue }),
      );
    });
  }

  async stop(): Promise<void> {}
}
