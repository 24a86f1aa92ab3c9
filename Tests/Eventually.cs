namespace AiChat.Tests;

/// <summary>Waits for what happens in the background and is told to no client.</summary>
internal static class Eventually
{
    /// <summary>Asks again and again, so slowly that no request limit is met, for at most 20 s.</summary>
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
