/** An error as AWS answers it; each protocol writes it in its own way. */
export class WireError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export function validation(message: string): WireError {
  return new WireError(400, 'ValidationException', message);
}

export function notFound(message: string): WireError {
  return new WireError(404, 'ResourceNotFoundException', message);
}

export function denied(principalArn: string, action: string, resource: string, because = ''): WireError {
  const why = because === '' ? '' : ` ${because}`;
  const message = `User: ${principalArn} is not authorized to perform: ${action} on resource: ${resource}${why}`;
  return new WireError(403, 'AccessDeniedException', message);
}
