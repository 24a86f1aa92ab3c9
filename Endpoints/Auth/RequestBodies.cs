using AiChat.Endpoints.Http;
using Microsoft.AspNetCore.Http.Metadata;

namespace AiChat.Endpoints.Auth;

/// <summary>Ends the reading of a body; becomes the problem it holds.</summary>
internal sealed class BodyRefusedException(Problem problem) : Exception(problem.Detail)
{
    public Problem Problem => problem;
}

/// <summary>
/// A body as it arrives: it has a deadline, and what of it is in memory is counted. When it was read to its end, what it had is given
/// back, unless whoever read it keeps it.
/// </summary>
/// <param name="body">What Kestrel gives.</param>
/// <param name="lease">Null for what goes to a file.</param>
internal sealed class ArrivingBody(Stream body, BodyLease? lease, TimeSpan limit, TimeProvider clock, CancellationToken gone) : Stream
{
    private CancellationTokenSource? _deadline;
    private CancellationTokenSource? _ends;
    private long _received;
    private bool _kept;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>What was read stays in memory until the request ends.</summary>
    public void Keep() => _kept = true;

    /// <summary>Takes room for what will be received.</summary>
    /// <exception cref="BodyRefusedException">There is none.</exception>
    public void Reserve(long bytes)
    {
        if (lease?.Grow(bytes) is { } refused)
        {
            throw new BodyRefusedException(refused);
        }
    }

    /// <exception cref="BodyRefusedException">There is no room for it, or it takes too long.</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        _deadline ??= new CancellationTokenSource(limit, clock);
        _ends ??= CancellationTokenSource.CreateLinkedTokenSource(_deadline.Token, gone);
        int count;
        try
        {
            using var caller = cancellationToken.CanBeCanceled && cancellationToken != gone
                ? CancellationTokenSource.CreateLinkedTokenSource(_ends.Token, cancellationToken) : null;
            count = await body.ReadAsync(buffer, caller?.Token ?? _ends.Token);
        }
        catch (OperationCanceledException) when (_deadline.IsCancellationRequested && !gone.IsCancellationRequested)
        {
            throw new BodyRefusedException(new Problem(408, "request_timeout", "The request took too long to arrive."));
        }

        _received += count;
        if (count == 0 && !_kept && buffer.Length > 0)
        {
            lease?.Dispose();
        }

        if (count > 0)
        {
            Reserve(_received);
        }

        return count;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush() => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <summary>The request has ended; not by whoever reads, which may close what it was given.</summary>
    public void End()
    {
        lease?.Dispose();
        _ends?.Dispose();
        _deadline?.Dispose();
    }
}

internal static class RequestBodiesExtensions
{
    /// <summary>A body that arrives more slowly than this over its whole length is given up; a minute is for the rest.</summary>
    private const double SlowestBytesPerSecond = 128 * 1024;

    /// <summary>Comes after access control, which says who sends; bodies of the usual small limit need no counting.</summary>
    public static void UseBodyBudget(this WebApplication app)
    {
        var budget = app.Services.GetRequiredService<BodyBudget>();
        var clock = app.Services.GetRequiredService<TimeProvider>();
        app.Use((context, next) =>
        {
            var limit = context.GetEndpoint()?.Metadata.GetMetadata<IRequestSizeLimitMetadata>()?.MaxRequestBodySize ?? 0;
            return limit > WebServer.DefaultBody && context.Request.ContentLength != 0 ? Counted(context, next, limit) : next(context);
        });

        async Task Counted(HttpContext context, RequestDelegate next, long limit)
        {
            var toFile = context.GetEndpoint()!.Metadata.GetMetadata<UploadMetadata>() is not null;
            var declared = context.Request.ContentLength <= limit ? context.Request.ContentLength : null;
            var person = context.Features.Get<CurrentUser>() is { IsVisitor: false } user ? $"user {user.Id}" : context.Caller().Bucket;
            var lease = toFile ? null : new BodyLease(budget, person, declared);
            var time = TimeSpan.FromMinutes(1) + TimeSpan.FromSeconds(limit / SlowestBytesPerSecond);
            var body = new ArrivingBody(context.Request.Body, lease, time, clock, context.RequestAborted);
            context.Request.Body = body;
            try
            {
                await next(context);
            }
            finally
            {
                body.End();
            }
        }
    }
}
