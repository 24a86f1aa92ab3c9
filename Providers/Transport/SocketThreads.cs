namespace AiChat.Providers.Transport;

/// <summary>
/// A provider's bytes are processed on the thread that saw them arrive. That saves handing every token to the thread pool, a quarter of the
/// relay's work. There is one such thread per core and all sockets share them, so work that may take longer must leave them first: work
/// after a reply by <see cref="Leave"/>, a client's request by the pipes of its connection (PoolPipe), a read of the store by itself.
/// </summary>
internal static class SocketThreads
{
    /// <summary>Call before the first socket is made: the runtime reads it once (System.Net.Sockets, SocketAsyncEngine).</summary>
    public static void CompleteInline() => Environment.SetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS", "1");

    /// <summary>Continues on the thread pool, where long work is allowed; at once when this is a thread of it.</summary>
    public static Task Leave() => Thread.CurrentThread.IsThreadPoolThread ? Task.CompletedTask : GoToPool();

    private static async Task GoToPool() => await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
}
