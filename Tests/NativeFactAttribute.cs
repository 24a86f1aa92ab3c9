namespace AiChat.Tests;

/// <summary>A test that needs a process of its own (kill -9, exit codes): skipped unless the native executable is under test.</summary>
internal sealed class NativeFactAttribute : FactAttribute
{
    public NativeFactAttribute()
    {
        if (TestServer.Binary is null)
        {
            Skip = "Needs the native executable (AICHAT_TEST_BINARY).";
        }
    }
}
