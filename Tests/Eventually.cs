namespace AiChat.Tests;

/// <summary>Waits for background work whose end no client is told.</summary>
internal static class Eventually
{
    /// <summary>Polls for at most 20 s, slowly enough to stay below the request limits.</summary>
    public static async Task Holds(Func<Task<bool>> holds)
    {
        var begun = TimeProvider.System.GetTimestamp();
        while (!await holds())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(begun) < TimeSpan.FromSeconds(20), "It did not happen.");
            await Task.Delay(50);
        }
    }

    /// <inheritdoc cref="Holds(Func{Task{bool}})"/>
    public static Task Holds(Func<bool> holds) => Holds(() => Task.FromResult(holds()));
}
