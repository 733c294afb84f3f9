"""Settings of nbgrader for this course; copied into the course folder by release.py."""

c = get_config()  # noqa: F821  (nbgrader defines it)

c.CourseDirectory.course_id = "bbvi"
c.ClearSolutions.code_stub = {"python": "# YOUR CODE HERE\nraise NotImplementedError()"}
c.ClearSolutions.text_stub = "YOUR ANSWER HERE"
# A loop that never ends must not stop the grading of a class.
c.ExecutePreprocessor.timeout = 120
# Downloads named STUDENT_NN_topic.ipynb, for "nbgrader zip_collect".
c.FileNameCollectorPlugin.named_regexp = r".*/(?P<student_id>[^/]+?)_(?P<file_id>\d\d_\w+)"
