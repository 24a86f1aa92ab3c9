namespace AiChat.Providers.Transport;

/// <summary>
/// What a provider sends is taken on in the thread that saw it arrive: for every token that saves handing it to the thread pool, a
/// quarter of the relay's work. There is one such thread a core and all sockets share them, so whatever may take longer leaves first:
/// what comes after a reply by <see cref="Leave"/>, a client's request by the pipes of its connection (PoolPipe), a read of the store by
/// itself.
/// </summary>
internal static class SocketThreads
{
    /// <summary>Call before the first socket is made: the runtime reads it once (System.Net.Sockets, SocketAsyncEngine).</summary>
    public static void CompleteInline() => Environment.SetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS", "1");

    /// <summary>What follows runs on the thread pool, where it may take its time.</summary>
    public static async Task Leave() => await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
}
